import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { AuditLog } from '../../client/api/audit-log.ts';
import { endStreamsAtOnce, startApi, type AnApi } from '../client/api-routes/an-api.ts';
import { makeUnitRelease } from '../client/units.ts';
import { readRelease } from '../fakes/release.ts';
import { isNightly } from '../nightly.ts';
import { runSchemathesis, type SchemaOutcome, type SchemaRun } from '../parts/schemathesis.ts';

/** At night; the ordinary run takes the bounds of every field, and a few requests of any kind. */
const LEAST_CASES = isNightly ? 20_000 : 1_500;
/** Requests of any kind, of each operation: many operations have no more than a few. */
const EXAMPLES = isNightly ? 1_200 : 5;
/** Longest; ms. */
const WITHIN_MS = isNightly ? 60 * 60_000 : 5 * 60_000;
/** How often what is at work goes to its end, so that the next can begin; ms. */
const FINISH_EVERY_MS = 50;

/** What there is, so that requests get as far as the fleet. */
const there = {
  ...{ 'path.fleet': 'lab', 'path.host': 'host-1', 'path.container': 'db', 'path.service': 'web' },
  ...{ 'path.unit': 'shop', 'path.run': 'latest', 'path.upgrade': 'lab-1' },
} as const;

/** Kept nowhere: tens of thousands of requests would wait for the disk. */
const noAudit: AuditLog = {
  append: async () => Promise.resolve(),
  newestFirst: async function* () {
    await Promise.resolve();
  },
};

let api: AnApi;
let url: string;
let finishing: NodeJS.Timeout;
beforeAll(async () => {
  api = await startApi({ audit: noAudit });
  const release = readRelease({ units: [makeUnitRelease()] });
  // Whatever a reference says, there is such a release.
  Object.assign(api.lab, { readRelease: async () => Promise.resolve(release) });
  endStreamsAtOnce(api.lab);
  finishing = setInterval(() => api.lab.finish(), FINISH_EVERY_MS);
  url = await api.listen();
});
afterAll(async () => {
  clearInterval(finishing);
  await api[Symbol.asyncDispose]();
});

describe('requests made up of the OpenAPI document', () => {
  test(
    'are all answered as it says, and none with a failure of the API',
    async () => {
      const seed = Number(process.env['REFIT_SAMPLE_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
      const common = { url, token: api.tokens['admin'] ?? '', seed, examples: EXAMPLES };
      const runs: readonly SchemaRun[] = [
        { ...common, parameters: there, phases: ['coverage', 'fuzzing'] },
        // Of paths that lead nowhere there is less to know.
        ...(isNightly ? [{ ...common, parameters: {}, phases: ['coverage', 'fuzzing'] as const }] : []),
      ];

      const outcomes: SchemaOutcome[] = [];
      for (const run of runs) outcomes.push(await runSchemathesis(run));

      const cases = outcomes.reduce((sum, outcome) => sum + outcome.cases, 0);
      const accepted = new Set(outcomes.flatMap((outcome) => outcome.accepted));
      const said = `${cases} requests from seed ${seed}, ${accepted.size} of ${outcomes[0]?.operations} operations accepted some`;
      console.info(said);
      expect(outcomes.flatMap(({ failures }) => failures).join('\n')).toBe('');
      expect(outcomes[0]?.operations).toBeGreaterThanOrEqual(30);
      expect(accepted.size, said).toBeGreaterThanOrEqual(27);
      expect(cases).toBeGreaterThanOrEqual(LEAST_CASES);
    },
    WITHIN_MS,
  );
});
