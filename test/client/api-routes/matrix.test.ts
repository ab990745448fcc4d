import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { AuditRecord } from '../../../client/api/audit-record.ts';
import { mayAs, roles, type Role } from '../../../client/api/identity.ts';
import { endStreamsAtOnce, startApi, type AnApi, type Answer } from './an-api.ts';
import { operationsOf, type Operation } from './operations.ts';

/** Who asks, and what any route answers to them at least. `wrong`: a token that nobody has. */
const askers = ['nobody', 'wrong', 'viewer', 'operator', 'admin', 'stranger'] as const;
type Asker = (typeof askers)[number];

/** What stands in paths; the fleet is the lab. */
const parts: Readonly<Record<string, string>> = {
  ...{ fleet: 'lab', host: 'host-1', container: 'db', service: 'web', unit: 'shop', run: 'latest', upgrade: 'lab-1' },
};

let api: AnApi;
let operations: readonly Operation[];
beforeAll(async () => {
  api = await startApi();
  endStreamsAtOnce(api.lab);
  endStreamsAtOnce(api.other);
  operations = operationsOf((await api.ask('GET', '/openapi.json', { as: null })).text);
});
afterAll(async () => api[Symbol.asyncDispose]());

describe('every route and every role', () => {
  test('nobody known gets 401, a wrong token or a low role 403, another’s fleet 404; whoever may is let in', async () => {
    const unexpected: string[] = [];

    for (const operation of operations) {
      for (const asker of askers) {
        const answer = await askAs(asker, operation);
        const expected = expectedOf(asker, operation);
        const isFine = expected === 'let in' ? !isRefusal(answer) : answer.status === expected;
        if (!isFine) unexpected.push(`${asker} ${operation.id}: ${answer.status}, expected ${expected}`);
      }
    }

    expect(unexpected).toEqual([]);
    expect(operations.length * askers.length).toBeGreaterThanOrEqual(180);
  });

  test('every refusal is in the audit log, with who, what and from where', async () => {
    const refusedBy = (asker: Asker): number =>
      operations.filter((operation) => expectedOf(asker, operation) !== 'let in').length;

    const refused = (await recordsOf(api)).filter(({ event }) => event === 'refused');

    const of = (who: string | null, status: number): number =>
      refused.filter((record) => record.who === who && record.status === status).length;
    expect(of(null, 401)).toBe(refusedBy('nobody'));
    expect(of(null, 403)).toBe(refusedBy('wrong'));
    expect(of('viewer', 403)).toBe(refusedBy('viewer'));
    expect(of('operator', 403)).toBe(refusedBy('operator'));
    expect(of('stranger', 404) + of('stranger', 403)).toBe(refusedBy('stranger'));
    expect(refused.every(({ from, path, method }) => from === '127.0.0.1' && path !== '' && method !== '')).toBe(true);
  });

  test('every change that was let in is there before and after', async () => {
    const changes = operations.filter(({ role }) => role === 'operator').length;

    const records = await recordsOf(api);

    const told = (event: AuditRecord['event']): readonly string[] =>
      records.filter((record) => record.event === event).map(({ request }) => request);
    // An operator's and an admin's; bodies that are refused as malformed never begin a change.
    expect(told('asked').length).toBeLessThanOrEqual(changes * 2);
    expect(told('asked').length).toBeGreaterThan(0);
    expect(new Set(told('answered'))).toEqual(new Set(told('asked')));
  });

  test('another’s fleet and one that is not there are told in the same words', async () => {
    const ask = (fleet: string): Promise<Answer> => api.ask('GET', `/v1/fleets/${fleet}`, { as: 'stranger' });

    const [hidden, missing] = [await ask('lab'), await ask('lap')];

    const neutral = ({ text }: Answer): string => text.replaceAll(/lab|lap|urn:uuid:[0-9a-f-]+/g, '');
    expect([hidden.status, missing.status]).toEqual([404, 404]);
    expect(neutral(hidden)).toBe(neutral(missing));
  });
});

const isRefusal = ({ status, text }: Answer): boolean =>
  status === 401 || status === 403 || (status === 404 && text.includes('there is no fleet'));

const isRole = (asker: Asker): asker is Asker & Role => roles.some((role) => role === asker);

function expectedOf(asker: Asker, { role, path }: Operation): 401 | 403 | 404 | 'let in' {
  if (asker === 'nobody') return 401;
  if (asker === 'wrong') return 403;
  const needed = roles.find((known) => known === role) ?? 'admin';
  if (!mayAs(isRole(asker) ? asker : 'operator', needed)) return 403;
  return asker === 'stranger' && path.includes('{fleet}') ? 404 : 'let in';
}

function askAs(asker: Asker, { method, path }: Operation): Promise<Answer> {
  const url = path.replaceAll(/\{(\w+)\}/g, (_, name: string) => parts[name] ?? '');
  const as = asker === 'nobody' ? null : asker === 'wrong' ? 'refit_wrong' : asker;
  return api.ask(method === 'get' ? 'GET' : 'POST', url, { as, ...(method === 'post' && { body: {} }) });
}

async function recordsOf({ audit }: AnApi): Promise<readonly AuditRecord[]> {
  const records: AuditRecord[] = [];
  for await (const record of audit.newestFirst()) records.push(record);
  return records;
}
