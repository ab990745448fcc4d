import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { attempt, call, findProgram } from '../../lab/programs.ts';
import { eventually } from '../eventually.ts';
import { isNightly } from '../nightly.ts';
import { writeApiProgram } from '../parts/api-program.ts';
import { HOLD_FILE } from './platform/release.ts';
import { lab, onHost, put, refitJson, removeFile, showUpgrade } from './platform/refit.ts';
import { hosts, publishNext, settleFleet, untilHeld } from './platform/upgrade.ts';

/** Longest that curl may follow an upgrade; s. */
const FOLLOW_S = 200;
/** Longest until an answer; s. */
const ANSWER_S = 30;
const INSTALL_MS = 5 * 60_000;

type Api = { readonly url: string; readonly tokenFile: string };

let api: Api;
let folder: string;
/** Has the token, so that no argument of a process does. */
let headersFile: string;
beforeAll(async () => {
  await ensureCurl();
  ({ api } = await refitJson<{ readonly api: Api }>(['lab', 'status']));
  folder = await mkdtemp(join(tmpdir(), 'refit-curl-'));
  headersFile = join(folder, 'headers');
  const token = (await readFile(api.tokenFile, 'utf8')).trim();
  await writeFile(headersFile, `Authorization: Bearer ${token}\n`, { mode: 0o600 });
});
afterEach(settleFleet);
afterAll(async () => rm(folder, { recursive: true, force: true }));

test('curl alone, with a token, creates an upgrade, follows it and rolls it back; all of it is in the audit log', async () => {
  const { reference } = await publishNext();
  const before = await versions();
  await put('host-2', HOLD_FILE);
  const key = `e2e-${Date.now()}`;

  const begun = await post('/upgrades', { reference }, key);
  const { id } = JSON.parse(begun.body) as { readonly id: string };
  await untilHeld('host-2');
  const [repeated, second] = [await post('/upgrades', { reference }, key), await post('/upgrades', { reference })];
  const stream = join(folder, 'events');
  const following = curl([
    '-N',
    '--max-time',
    String(FOLLOW_S),
    '--output',
    stream,
    `${fleetUrl()}/upgrades/${id}/events`,
  ]);
  await eventually(async () => (await readFile(stream, 'utf8')).includes('event: progress'));
  const asked = await post(`/upgrades/${id}/commands`, { command: 'rollback', reason: 'slower than before' });
  await removeFile('host-2', HOLD_FILE);
  await following;
  const events = parseEvents(await readFile(stream, 'utf8'));

  expect([begun.status, repeated.status, second.status, asked.status]).toEqual([202, 202, 409, 200]);
  expect(repeated.body).toBe(begun.body);
  expect(second.body).toContain(id);
  expect(events.at(0)).toMatchObject({ event: 'progress', document: { id, state: 'running' } });
  expect(events.at(-2)).toMatchObject({ event: 'progress', document: { id, state: 'rolledBack' } });
  expect(events.at(-1)?.event).toBe('end');
  expect(await versions()).toEqual(before);
  // What the command line sees of it is the same document.
  expect(JSON.parse(await curl([`${fleetUrl()}/upgrades/${id}`]))).toEqual(await showUpgrade(id));
  await expectAudited(`/upgrades/${id}/commands`, { command: 'rollback', reason: 'slower than before' });
});

test.skipIf(!isNightly)(
  'a generated client creates an upgrade, approves a wave, follows it and rolls it back',
  async () => {
    const { reference } = await publishNext();
    const before = await versions();
    await using program = await writeApiProgram(await curl([`${api.url}/openapi.json`]));
    const tsx = import.meta.resolve('tsx');

    const args = ['--import', tsx, program.file, api.url, api.tokenFile, lab.name, reference];
    const { stdout, stderr, exitCode } = await execa(process.execPath, args, { reject: false });

    const states = stdout.split('\n').filter((state, index, all) => state !== all[index - 1]);
    expect(exitCode, stderr).toBe(0);
    expect(states.at(-1)).toBe('rolledBack');
    expect(states.filter((state) => state === 'waiting')).toHaveLength(2);
    expect(await versions()).toEqual(before);
  },
);

async function expectAudited(path: string, what: Readonly<Record<string, string>>): Promise<void> {
  const page = await curl([`${api.url}/v1/audit?limit=50`]);
  const { records } = JSON.parse(page) as { readonly records: readonly Readonly<Record<string, unknown>>[] };
  const found = records.filter((record) => record['path'] === `/v1/fleets/${lab.name}${path}`);
  expect(found).toMatchObject([
    { event: 'answered', status: 200, by: 'token', role: 'admin', from: '127.0.0.1' },
    { event: 'asked', what },
  ]);
  expect(page).not.toContain((await readFile(api.tokenFile, 'utf8')).trim());
}

/** Of each host; empty: none was ever installed. */
const versions = async (): Promise<readonly string[]> =>
  Promise.all(hosts.map((host) => onHost(host, ['sh', '-c', 'cat /etc/refit-test/version 2>/dev/null || true'])));

const fleetUrl = (): string => `${api.url}/v1/fleets/${lab.name}`;

/** The body of the answer, whatever its status. */
async function curl(args: readonly string[]): Promise<string> {
  return (await execa('curl', ['-sS', '-H', `@${headersFile}`, ...args])).stdout;
}

async function post(
  path: string,
  body: object,
  key?: string,
): Promise<{ readonly status: number; readonly body: string }> {
  const args = ['-X', 'POST', '-H', 'Content-Type: application/json', '--max-time', String(ANSWER_S)];
  const once = key === undefined ? [] : ['-H', `Idempotency-Key: ${key}`];
  const written = ['-w', '\n%{http_code}', '-d', JSON.stringify(body)];
  const text = await curl([...args, ...once, ...written, `${fleetUrl()}${path}`]);
  const end = text.lastIndexOf('\n');
  return { status: Number(text.slice(end + 1)), body: text.slice(0, end) };
}

type Event = { readonly event: string; readonly document: unknown };

const parseEvents = (text: string): readonly Event[] =>
  [...`${text}\n\n`.matchAll(/^event: (\w+)\ndata: (.*)\n/gm)].map(([, event = '', data = '']) => ({
    event,
    document: JSON.parse(data) as unknown,
  }));

/** It is part of most systems, and of a minimal Debian not. */
async function ensureCurl(): Promise<void> {
  if ((await findProgram('curl')) !== undefined) return;
  const options = { deadlineMs: INSTALL_MS, env: { DEBIAN_FRONTEND: 'noninteractive' } };
  await attempt('apt-get', ['update', '-q'], options);
  await call('apt-get', ['install', '-q', '-y', '--no-install-recommends', 'curl'], options);
}
