import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parseReport } from '../../drivers/bus-values.ts';
import type { Report } from '../../model/bus.ts';
import { isNightly, sampleOfNumbers } from '../nightly.ts';
import { orderOf } from './states.ts';
import { countingStep, filesStep, TestHost, write } from './test-host.ts';

/** Longest run of one agent; ms. */
const RUN_MS = 20_000;
/** More than an install of three steps has of any call. */
const MAX_POINTS = 80;
/** Of several points in a row, one is tried in the ordinary run. */
const APART = isNightly ? 1 : 3;

const hasStrace = spawnSync('strace', ['-V']).status === 0;
let program: string;
let bundle: string;

beforeAll(async () => {
  bundle = mkdtempSync(join(tmpdir(), 'refit-kills-'));
  program = join(bundle, 'program.mjs');
  await build({
    entryPoints: [join(import.meta.dirname, 'killed/main.ts')],
    bundle: true,
    platform: 'node',
    format: 'esm',
    outfile: program,
    logLevel: 'silent',
    banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
  });
});
afterAll(() => rmSync(bundle, { recursive: true, force: true }));

type Prepared = { readonly host: TestHost; readonly order: string };

/** A host with two edited files, one to be replaced, one kept, and a counter; `fails`: the last step fails, so that everything is undone. */
function prepare(fails: boolean): Prepared {
  const host = new TestHost();
  write(join(host.folder, 'etc/motd'), 'as it was\n');
  write(join(host.folder, 'etc/conf'), 'mine\n');
  const counter = countingStep('count', join(host.folder, 'count'));
  const broken = countingStep('broken', '/nowhere/x', { command: ['false'] });
  const release = host.stage({
    version: '2.0.0',
    files: { motd: 'new\n', conf: 'theirs\n' },
    steps: [
      filesStep('motd', { motd: '/etc/motd' }),
      filesStep('conf', { conf: '/etc/conf' }, 'keep'),
      counter,
      ...(fails ? [broken] : []),
    ],
  });
  return { host, order: JSON.stringify(orderOf({ release, epoch: 1 })) };
}

/** Runs the agent; `inject` as strace takes it. Answers whether it came to its end. */
function run({ host, order }: Prepared, inject: string | null): boolean {
  const call = /^\w+/.exec(inject ?? '')?.[0];
  const strace =
    inject === null
      ? []
      : ['strace', '-f', '-qq', '-o', '/dev/null', '-e', `trace=${call ?? ''}`, '-e', `inject=${inject}`];
  const command = [...strace, process.execPath, program, host.folder, order];
  const options = { timeout: RUN_MS, killSignal: 'SIGKILL' } as const;
  return spawnSync('env', command, options).status === 0;
}

function reportOf({ host }: Prepared): Report {
  const parsed = parseReport(readFileSync(join(host.folder, 'report'), 'utf8'));
  if (!parsed.ok) throw new Error(parsed.problem);
  return parsed.value;
}

const read = ({ host }: Prepared, path: string): string | null =>
  existsSync(join(host.folder, path)) ? readFileSync(join(host.folder, path), 'utf8') : null;

function expectEnd(prepared: Prepared, fails: boolean, point: string): void {
  const report = reportOf(prepared);
  expect(report, point).toMatchObject({ phase: fails ? 'reverted' : 'done', refused: null });
  expect(read(prepared, 'etc/motd'), point).toBe(fails ? 'as it was\n' : 'new\n');
  expect(read(prepared, 'count'), point).toBe(fails ? null : 'count\n');
  expect(read(prepared, 'etc/conf'), point).toBe('mine\n');
  const beside = fails ? [] : ['conf.refit-new', 'motd.refit-edited'];
  expect(readdirSync(join(prepared.host.folder, 'etc')).sort(), point).toEqual(['conf', 'motd', ...beside].sort());
  if (fails) return;
  expect(read(prepared, 'etc/motd.refit-edited'), point).toBe('as it was\n');
  expect(read(prepared, 'etc/conf.refit-new'), point).toBe('theirs\n');
}

/** Kills at the n-th call, then lets another agent go on; until n is more than there are. Answers how many there are at least. */
function killEverywhere(call: string, fails: boolean): number {
  for (const point of sampleOfNumbers(`kills at ${call}`, MAX_POINTS, APART)) {
    const prepared = prepare(fails);
    try {
      const isWhole = run(prepared, `${call}:signal=KILL:when=${point}`);
      if (!isWhole) expect(run(prepared, null), `after a kill at ${call} ${point}`).toBe(true);
      expectEnd(prepared, fails, `killed at ${call} ${point}`);
      if (isWhole) return point - APART;
    } finally {
      prepared.host.close();
    }
  }
  throw new Error(`more than ${MAX_POINTS} calls of ${call}`);
}

test.runIf(hasStrace)(
  'killed at every fsync in turn, an install ends done, with each effect once',
  { timeout: 120_000 },
  () => {
    expect(killEverywhere('fsync', false)).toBeGreaterThan(10);
  },
);

test.runIf(hasStrace)(
  'killed at every fsync in turn, a way back ends with the host as it was',
  { timeout: 180_000 },
  () => {
    expect(killEverywhere('fsync', true)).toBeGreaterThan(15);
  },
);

test.runIf(hasStrace)('killed at every rename in turn, an install ends done', { timeout: 60_000 }, () => {
  expect(killEverywhere('rename', false)).toBeGreaterThan(1);
});

test.runIf(hasStrace)(
  'a disk that fails at any fsync leaves the host done or as it was, and says so',
  { timeout: 120_000 },
  () => {
    for (const point of sampleOfNumbers('a disk that fails at fsync', MAX_POINTS, APART)) {
      const prepared = prepare(false);
      const isWhole = run(prepared, `fsync:error=ENOSPC:when=${point}`);
      const report = isWhole ? reportOf(prepared) : null;
      // A disk that fails while the agent opens it ends the agent; the next one goes on.
      if (report === null) expect(run(prepared, null)).toBe(true);
      const { phase, refused } = report ?? reportOf(prepared);
      const isUntouched = read(prepared, 'etc/motd') === 'as it was\n' && read(prepared, 'count') === null;
      expect(isUntouched || phase === 'done', `fsync ${point}: ${phase} ${refused ?? ''}`).toBe(true);
      prepared.host.close();
      if (phase === 'done' && point > 20) return;
    }
  },
);

test('the program to be killed installs when nobody kills it', () => {
  const prepared = prepare(false);

  expect(run(prepared, null)).toBe(true);

  expectEnd(prepared, false, 'not killed');
  expect(read(prepared, 'effects')).toBe('motd\nconf\ncount\n');
  prepared.host.close();
});
