import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { attempt, lastLines } from '../../lab/programs.ts';
import { ensurePackages } from './python-packages.ts';

/** Makes requests of an OpenAPI document, good ones and bad ones, and judges every answer by it; from Python's package index. */
const VERSION = '4.32.5';
const PACKAGES = { name: `schemathesis-${VERSION}`, packages: [`schemathesis==${VERSION}`] };

/** What must hold for every answer. */
const CHECKS = [
  'not_a_server_error',
  'status_code_conformance',
  'content_type_conformance',
  'response_headers_conformance',
  'response_schema_conformance',
] as const;

/** Longest one answer may take; s. */
const ANSWER_S = 20;
/** Longest that a run may take; ms. Of 20,000 cases it needs a quarter of it. */
const RUN_MS = 60 * 60_000;
/** Lines of its output that a failure shows. */
const TOLD_LINES = 80;

export type SchemaRun = {
  /** Where the API listens. */
  readonly url: string;
  /** Of whom the requests are. */
  readonly token: string;
  /** The same seed makes the same requests. */
  readonly seed: number;
  /** Of each operation, beside those for the bounds of each field. */
  readonly examples: number;
  /** Which requests: for the bounds of each field, or any. */
  readonly phases: readonly ('coverage' | 'fuzzing')[];
  /** Such as `path.fleet`: what is always this, so that what is there is found. Others are made up. */
  readonly parameters?: Readonly<Record<string, string>>;
};

export type SchemaOutcome = {
  readonly cases: number;
  readonly operations: number;
  /** Operations of which at least one request was answered as asked for. */
  readonly accepted: readonly string[];
  /** For people; empty: every check held for every answer. */
  readonly failures: readonly string[];
};

export async function runSchemathesis(run: SchemaRun): Promise<SchemaOutcome> {
  const python = await ensurePackages(PACKAGES, (line) => void process.stderr.write(`${line}\n`));
  const folder = await mkdtemp(join(tmpdir(), 'refit-schemathesis-'));
  try {
    const [config, report] = [join(folder, 'schemathesis.toml'), join(folder, 'report.json')];
    await writeFile(config, configText(run));
    const args = ['-m', 'schemathesis.cli', '--config-file', config, 'run', `${run.url}/openapi.json`, ...options(run)];
    const { stdout, stderr } = await attempt(python, [...args, '--report-json-path', report], {
      ...{ cwd: folder, deadlineMs: RUN_MS, env: { REFIT_API_TOKEN: run.token } },
    });
    const text = await readFile(report, 'utf8').catch(() => null);
    if (text === null) throw new Error(`schemathesis wrote no report: ${lastLines(`${stdout}${stderr}`, TOLD_LINES)}`);
    return toOutcome(Report.parse(JSON.parse(text)), stdout);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const Report = z.object({
  operations: z.object({ tested: z.int() }),
  test_cases: z.object({ generated: z.int() }),
  failures: z.array(z.unknown()),
  errors: z.array(z.unknown()),
  valid_rates: z.record(z.string(), z.record(z.string(), z.object({ accepted: z.int() }))),
});

const toOutcome = (report: z.infer<typeof Report>, output: string): SchemaOutcome => ({
  cases: report.test_cases.generated,
  operations: report.operations.tested,
  accepted: Object.entries(report.valid_rates).flatMap(([operation, phases]) =>
    Object.values(phases).some(({ accepted }) => accepted > 0) ? [operation] : [],
  ),
  // The end of what it prints says how to ask for the same again.
  failures: report.failures.length + report.errors.length === 0 ? [] : [lastLines(output, TOLD_LINES)],
});

/** The token comes from the environment, so that no list of processes has it. */
const configText = ({ parameters = {} }: SchemaRun): string =>
  [
    'headers = { Authorization = "Bearer ${REFIT_API_TOKEN}" }',
    ...(Object.keys(parameters).length === 0 ? [] : ['[parameters]']),
    ...Object.entries(parameters).map(([name, value]) => `${JSON.stringify(name)} = ${JSON.stringify(value)}`),
  ].join('\n');

/** One worker: its library breaks now and then when several threads make requests up. */
const options = ({ seed, examples, phases }: SchemaRun): readonly string[] => [
  ...['--checks', CHECKS.join(','), '--phases', phases.join(','), '--seed', String(seed), '--workers', '1'],
  ...['--max-examples', String(examples), '--continue-on-failure', '--generation-database', 'none'],
  ...['--request-timeout', String(ANSWER_S), '--suppress-health-check', 'all', '--no-color', '--report', 'json'],
];
