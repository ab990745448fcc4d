import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import type { AuditLog } from '../../client/api/audit-log.ts';
import type { AuditRecord } from '../../client/api/audit-record.ts';
import { openFleetClient } from '../../client/direct-fleet.ts';
import { endStreamsAtOnce, startApi, type AnApi } from '../client/api-routes/an-api.ts';
import { makeUnitRelease } from '../client/units.ts';
import { FakeFleetClient } from '../fakes/fleet-client.ts';
import { readRelease } from '../fakes/release.ts';
import { isNightly } from '../nightly.ts';
import { runSchemathesis, type SchemaOutcome, type SchemaRun } from '../parts/schemathesis.ts';
import { openAskedParts } from './asked-site.ts';

/** At night; the ordinary run takes the bounds of every field, and a few requests of any kind. */
const LEAST_CASES = isNightly ? 20_000 : 1_500;
/** Requests of any kind, of each operation: many operations have no more than a few. */
const EXAMPLES = isNightly ? 400 : 5;
/** Longest; ms. */
const WITHIN_MS = isNightly ? 60 * 60_000 : 5 * 60_000;
/** Operations of which some requests are taken, so that it is not their bodies alone that are judged. */
const LEAST_ACCEPTED = 22;
/** How often what is at work goes to its end, so that the next can begin; ms. */
const FINISH_EVERY_MS = 50;

const KEPT_RECORDS = 1_000;

/** What there is, so that requests get as far as the fleet. */
const there = {
  ...{ 'path.fleet': 'lab', 'path.host': 'host-1', 'path.container': 'db', 'path.service': 'web' },
  ...{ 'path.unit': 'shop', 'path.run': 'latest', 'path.upgrade': 'lab-1' },
} as const;

/** Of tens of thousands of requests each would wait for the disk: kept in memory, and the latest alone. */
function memoryAudit(): AuditLog {
  const records: AuditRecord[] = [];
  return {
    append: async (record) => {
      await Promise.resolve();
      records.unshift(record);
      records.length = Math.min(records.length, KEPT_RECORDS);
    },
    newestFirst: async function* () {
      await Promise.resolve();
      yield* records;
    },
  };
}

let api: AnApi;
let url: string;
let finishing: NodeJS.Timeout;
beforeAll(async () => {
  api = await startApi({ audit: memoryAudit() });
  const release = readRelease({ units: [makeUnitRelease()] });
  // Whatever a reference says, there is such a release.
  Object.assign(api.lab, { readRelease: async () => Promise.resolve(release) });
  endStreamsAtOnce(api.lab);
  await api.ask('POST', '/v1/fleets/lab/upgrades', {
    body: { reference: 'registry.lab:5000/sample:2.0.0', id: 'lab-1' },
  });
  finishing = setInterval(() => api.lab.finish(), FINISH_EVERY_MS);
  url = await api.listen();
});
afterAll(async () => {
  clearInterval(finishing);
  await api[Symbol.asyncDispose]();
});

const seed = Number(process.env['REFIT_SAMPLE_SEED'] ?? Math.floor(Math.random() * 2 ** 31));

describe('requests made up of the OpenAPI document', () => {
  test(
    'are all answered as it says, and none with a failure of the API',
    async () => {
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
      expect(accepted.size, said).toBeGreaterThanOrEqual(LEAST_ACCEPTED);
      expect(cases).toBeGreaterThanOrEqual(LEAST_CASES);
    },
    WITHIN_MS,
  );

  // In the ordinary run the client's contract asks Temporal, etcd and a registry by way of an API.
  test.skipIf(!isNightly)(
    'are answered so by an API over Temporal, etcd and registries, too',
    async () => {
      const parts = await openAskedParts(inject('temporalAddress'));
      const site = await parts.open();
      const client = openFleetClient(site.fleet, { registries: 'named' });
      const lab = new FakeFleetClient({ name: site.fleet.fleet });
      await using real = await startApi({ lab, clientOf: () => client, audit: memoryAudit() });
      const parameters = { 'path.fleet': lab.fleet, 'path.service': 'web', 'path.unit': 'shop' };
      const token = real.tokens['admin'] ?? '';

      const phases = ['coverage', 'fuzzing'] as const;
      const outcome = await runSchemathesis({
        ...{ url: await real.listen(), token, seed, phases },
        parameters,
        examples: 3,
      });
      await Promise.all([client.close(), site[Symbol.asyncDispose]()]);
      await parts.close();

      console.info(`${outcome.cases} requests from seed ${seed} to real services`);
      expect(outcome.failures.join('\n')).toBe('');
      expect(outcome.operations).toBeGreaterThanOrEqual(30);
    },
    WITHIN_MS,
  );
});
