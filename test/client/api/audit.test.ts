import { appendFile, mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { openAuditLog, type AuditLog } from '../../../client/api/audit-log.ts';
import type { AuditRecord } from '../../../client/api/audit-record.ts';
import { readRelease } from '../../fakes/release.ts';
import { startApi, type AnApi } from '../api-routes/an-api.ts';

let folder: string;
let count = 0;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'refit-audit-'));
});
afterAll(() => rm(folder, { recursive: true }));
const newFile = (): string => join(folder, `${(count += 1)}`, 'audit.jsonl');

const record = (request: string): AuditRecord => ({
  ...{ at: '2026-01-01T00:00:00.000Z', request, event: 'asked', who: 'anna', by: 'token', role: 'admin' },
  ...{ from: '127.0.0.1', method: 'POST', path: '/v1/x', fleet: 'lab', what: { command: 'pause' }, status: null },
});

async function all(log: AuditLog): Promise<readonly AuditRecord[]> {
  const records: AuditRecord[] = [];
  for await (const each of log.newestFirst()) records.push(each);
  return records;
}
const requests = async (log: AuditLog): Promise<readonly string[]> => (await all(log)).map(({ request }) => request);

describe('the audit log', () => {
  test('has nothing before the first record', async () => {
    expect(await all(openAuditLog({ file: newFile() }))).toEqual([]);
  });

  test('keeps every record, the latest first, for its owner alone', async () => {
    const file = newFile();
    const log = openAuditLog({ file });

    await Promise.all(['a', 'b', 'c'].map((request) => log.append(record(request))));
    await log.append(record('d'));

    expect(await requests(log)).toEqual(['d', 'c', 'b', 'a']);
    expect((await all(openAuditLog({ file })))[0]).toEqual(record('d'));
    expect((await stat(file)).mode & 0o777).toBe(0o600);
  });

  test('reads lines that lie across what is read at once', async () => {
    const log = openAuditLog({ file: newFile() });
    const names = Array.from({ length: 700 }, (_, index) => `ä-${index}`);

    await Promise.all(names.map((name) => log.append(record(name))));

    expect(await requests(log)).toEqual(names.toReversed());
  });

  test('begins a new file when one is full, and keeps so many', async () => {
    const file = newFile();
    const log = openAuditLog({ file, fullBytes: 600, keptFiles: 2 });

    for (let each = 0; each < 20; each += 1) await log.append(record(String(each)));

    expect((await readdir(join(file, '..'))).sort()).toEqual(['audit.jsonl', 'audit.jsonl.1', 'audit.jsonl.2']);
    expect(await requests(log)).toEqual(['19', '18', '17', '16', '15', '14']);
  });

  test('loses no record to a line that was not written to its end', async () => {
    const file = newFile();
    await openAuditLog({ file }).append(record('before'));
    await appendFile(file, '{"at":"2026-');

    const log = openAuditLog({ file });
    await log.append(record('after'));

    expect(await requests(log)).toEqual(['after', 'before']);
  });
});

describe('what is recorded of requests', () => {
  async function open(): Promise<AnApi & { readonly reference: string }> {
    const api = await startApi();
    onTestFinished(() => api[Symbol.asyncDispose]());
    return { ...api, reference: api.lab.publish(readRelease()) };
  }

  test('a change is recorded before and after, with who, when, what, from where and the answer', async () => {
    const api = await open();

    await api.ask('POST', '/v1/fleets/lab/upgrades', { body: { reference: api.reference } });

    const [answered, asked] = await all(api.audit);
    const same = { who: 'operator', by: 'token', role: 'operator', fleet: 'lab', from: '127.0.0.1', method: 'POST' };
    expect(asked).toMatchObject({ ...same, event: 'asked', status: null, what: { reference: api.reference } });
    expect(answered).toMatchObject({ ...same, event: 'answered', status: 202, path: '/v1/fleets/lab/upgrades' });
    expect(answered?.request).toBe(asked?.request);
  });

  test('a change that is answered again is recorded again', async () => {
    const api = await open();
    const request = { body: { reference: api.reference }, key: 'same' };
    for (let times = 0; times < 2; times += 1) await api.ask('POST', '/v1/fleets/lab/upgrades', request);

    expect((await all(api.audit)).map(({ event, status }) => [event, status])).toEqual([
      ...[
        ['answered', 202],
        ['asked', null],
        ['answered', 202],
        ['asked', null],
      ],
    ]);
  });

  test('what only reads is not recorded', async () => {
    const api = await open();

    await api.ask('GET', '/v1/fleets/lab');

    expect(await all(api.audit)).toEqual([]);
  });

  test('settings of a container are not recorded', async () => {
    const api = await open();
    const body = { image: 'registry.lab:5000/web:2', settings: { env: { PASSWORD: 'hunter2' } } };

    await api.ask('POST', '/v1/fleets/lab/hosts/host-1/containers/web-1/upgrades', { body });

    expect(JSON.stringify(await all(api.audit))).not.toContain('hunter2');
  });

  test('nothing is changed when it can’t be recorded', async () => {
    await using api = await startApi({ auditFile: '/dev/full' });
    const body = { reference: api.lab.publish(readRelease()) };

    const answer = await api.ask('POST', '/v1/fleets/lab/upgrades', { body });

    expect([answer.status, await api.lab.upgrades.list()]).toEqual([503, []]);
    expect((await api.ask('POST', '/v1/fleets/lab/upgrades', { as: null, body })).status).toBe(401);
  });
});

describe('GET /v1/audit', () => {
  test('gives every record of the fleets that the admin sees, page by page, and no other', async () => {
    await using api = await startApi();
    for (const as of ['viewer', 'viewer', 'viewer', null]) await api.ask('POST', '/v1/fleets/lab/upgrades', { as });
    await api.ask('GET', '/v1/fleets', { as: null });
    await api.ask('GET', '/v1/fleets/other', { as: 'viewer' });

    const seen: unknown[] = [];
    let cursor: string | null = null;
    do {
      const page = await api.ask('GET', `/v1/audit?limit=2${cursor === null ? '' : `&cursor=${cursor}`}`, {
        as: 'admin',
      });
      const { records, nextCursor } = page.body as { records: AuditRecord[]; nextCursor: string | null };
      seen.push(...records.map(({ status, fleet }) => [status, fleet]));
      cursor = nextCursor;
    } while (cursor !== null);

    expect(seen).toEqual([
      [401, 'lab'],
      [403, 'lab'],
      [403, 'lab'],
      [403, 'lab'],
    ]);
  });

  test('ends behind a record that is gone', async () => {
    await using api = await startApi();

    const page = await api.ask('GET', `/v1/audit?cursor=${crypto.randomUUID()}.asked`, { as: 'admin' });

    expect(page.body).toEqual({ records: [], nextCursor: null });
  });
});
