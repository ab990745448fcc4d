import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { eventually } from '../eventually.ts';
import { isNightly } from '../nightly.ts';
import { inventory } from './platform/inventory.ts';
import {
  DB_HOST,
  forgetReleases,
  killDatabase,
  path,
  publishImages,
  publishPath,
  schema,
  sql,
  startLedger,
  START_VERSION,
  stopLedger,
  type LedgerImages,
} from './platform/ledger.ts';
import { memberVersions } from './platform/members.ts';
import { lab, onHost, put, refit, refitJson, removeFile, type Upgrade } from './platform/refit.ts';
import { BREAK_FILE } from './platform/release.ts';
import { hosts, installedVersion, settleFleet, start, untilOver, untilUpgrade } from './platform/upgrade.ts';
import { startWriter, type Written } from './platform/writer.ts';

type WithHops = Upgrade & {
  readonly hops: readonly { readonly to: string; readonly state: string }[];
  readonly migrations: readonly { readonly name: string; readonly hop: string; readonly state: string }[];
  readonly checkpoints: readonly string[];
  readonly forwardOnly: string | null;
};

/** Entries that are written while an upgrade runs. */
const ENTRIES = 100_000;
const WRITE_WITHIN_MS = 240_000;
/** Hosts one after another, then the others together. */
const IN_WAVES = ['--install', 'waves', '--waves', '1,100%'] as const;

let images: LedgerImages;
beforeAll(async () => {
  await settleFleet();
  await forgetReleases();
  images = await publishImages();
});
beforeEach(async () => {
  await startLedger(images);
});
afterEach(async () => {
  await settleFleet();
  await stopLedger();
  await forgetReleases();
});
afterAll(forgetReleases);

const webUrl = async (): Promise<string> => (await lab.status())?.balancer?.url ?? '';

const versionsOnHosts = async (): Promise<readonly string[]> => Promise.all(hosts.map(installedVersion));
const onEveryHost = (version: string): readonly string[] => hosts.map(() => version);

async function installStart(reference: string): Promise<void> {
  await refitJson<Upgrade>(['upgrade', reference, '--install', 'waves', '--waves', '100%']);
}

/** Each takes minutes. */
describe.skipIf(!isNightly)('3.4.2 to 4.2.0', () => {
  test('goes over 4.0.1 and 4.1.1 as one upgrade while 100,000 entries are written, and none is lost', async () => {
    const references = await publishPath({ images });
    await installStart(references[START_VERSION]);
    const target = references['4.2.0'];
    const planned = await refitJson<{ hops: readonly { to: string }[] }>(['plan', target, ...IN_WAVES]);
    const writer = startWriter(await webUrl());

    const startedAt = Date.now();
    const upgrade = await refitJson<WithHops>(['upgrade', target, ...IN_WAVES]);
    const tookMs = Date.now() - startedAt;
    await eventually(() => Promise.resolve(writer.written() >= ENTRIES), { withinMs: WRITE_WITHIN_MS, everyMs: 100 });
    const written = await writer.stop();
    report('hop by hop', written, tookMs);

    expect(planned.hops.map(({ to }) => to)).toEqual(path);
    expect(upgrade.hops).toEqual(path.map((to) => ({ to, state: 'done' })));
    expect(written.failed).toEqual([]);
    expect(Number(await sql('select count(*) from entries'))).toBe(written.entries);
    expect(Number(await sql('select count(*) from entries where n >= ' + String(written.entries)))).toBe(0);
    expect(await versionsOnHosts()).toEqual(onEveryHost('4.2.0'));
    expect(new Set(await memberVersions())).toEqual(new Set(['4.2.0']));
    expect(await onHost(DB_HOST, ['sh', '-c', 'ls /var/lib/refit/backups/*/*/ledger.dump | wc -l'])).toBe('3');
  });

  test('beside it: stopped, upgraded and started again, the service is away for as long as that takes', async () => {
    const references = await publishPath({ images });
    await installStart(references[START_VERSION]);
    const writer = startWriter(await webUrl());
    await eventually(() => Promise.resolve(writer.written() > 0), { withinMs: 30_000, everyMs: 50 });

    const startedAt = Date.now();
    await onEveryMember('stop');
    const upgrade = await refitJson<WithHops>([
      'upgrade',
      references['4.2.0'],
      '--install',
      'waves',
      '--waves',
      '100%',
    ]);
    await onEveryMember('start');
    const tookMs = Date.now() - startedAt;
    const until = writer.written() + 1_000;
    await eventually(() => Promise.resolve(writer.written() >= until), { withinMs: 60_000, everyMs: 50 });
    const written = await writer.stop();
    report('stopped, upgraded, started', written, tookMs);

    expect(upgrade.state).toBe('succeeded');
    expect(Number(await sql('select count(*) from entries'))).toBe(written.entries);
  });

  test('a failure in the third hop is rolled back to the start: hosts, services and schema as before', async () => {
    const references = await publishPath({ images });
    await installStart(references[START_VERSION]);
    const before = { inventory: await Promise.all(hosts.map(inventory)), schema: await schema() };
    const id = await start(references['4.2.0'], IN_WAVES);
    await untilUpgrade(id, (upgrade) => (upgrade as WithHops).hops[1]?.state === 'done');
    await put('host-2', BREAK_FILE);
    const asked = (await untilUpgrade(id, ({ state }) => state === 'waiting')) as WithHops;
    await removeFile('host-2', BREAK_FILE);

    const back = await refit(['rollback', id, '--json']);

    expect(asked.checkpoints).toEqual(['start', '4.0.1', '4.1.1']);
    expect(back.exitCode, back.stderr).toBe(0);
    expect(await schema()).toBe(before.schema);
    for (const [index, host] of hosts.entries()) expect(await inventory(host), host).toBe(before.inventory[index]);
  });

  test('with a point of no return in the second hop it waits there, goes back to behind it, and no further', async () => {
    const references = await publishPath({ images, pointOfNoReturn: '4.1.1' });
    await installStart(references[START_VERSION]);
    const id = await start(references['4.2.0'], IN_WAVES);
    const asked = await untilUpgrade(id, ({ state }) => state === 'waiting');
    await refitJson(['approve', id, 'add-kind']);
    await untilUpgrade(id, (upgrade) => (upgrade as WithHops).hops[1]?.state === 'done');
    await put('host-2', BREAK_FILE);
    await untilUpgrade(id, ({ state }) => state === 'waiting');
    await removeFile('host-2', BREAK_FILE);

    const further = await refit(['rollback', id, '--to', 'start']);
    const back = await refit(['rollback', id, '--json']);
    const again = await refit(['rollback', id]);

    expect(asked.waiting[0]?.what).toContain('approval of migration add-kind of 4.1.1');
    expect(further.exitCode).toBe(2);
    expect(further.stderr).toContain('forward only before 4.1.1: migration add-kind has no way back');
    expect(back.exitCode, back.stderr).toBe(0);
    expect(await versionsOnHosts()).toEqual(onEveryHost('4.1.1'));
    expect(new Set(await memberVersions())).toEqual(new Set(['4.1.1']));
    expect(again.exitCode).toBe(2);
    expect(again.stderr).toContain('forward only');
  });

  test('worker and database killed in the middle of a migration: it is applied once, and the upgrade goes on', async () => {
    // Asleep in the transaction that adds the column.
    const references = await publishPath({ images, before: { '4.0.1': 'select pg_sleep(8);' } });
    await installStart(references[START_VERSION]);
    const id = await start(references['4.0.1'], IN_WAVES);
    const isSleeping = async (): Promise<boolean> =>
      (await sql(
        "select count(*) from pg_stat_activity where query like '%pg_sleep(8)%' and pid <> pg_backend_pid()",
      )) !== '0';
    await eventually(isSleeping, { withinMs: 120_000, everyMs: 100 });

    await lab.killWorker();
    await killDatabase();
    await onHost(DB_HOST, ['docker', 'start', 'ledger-db']);
    await lab.startWorker();

    expect((await untilOver(id)).state).toBe('succeeded');
    expect(await sql("select count(*) from information_schema.columns where table_name = 'entries'")).toBe('3');
    expect(new Set(await memberVersions())).toEqual(new Set(['4.0.1']));
  });
});

async function onEveryMember(action: 'stop' | 'start'): Promise<void> {
  const script = `docker ${action} $(docker ps --all --quiet --filter label=dev.refit.service=web)`;
  await Promise.all(['host-1', 'host-2', 'host-3'].map(async (host) => onHost(host, ['sh', '-c', script])));
}

function report(how: string, { entries, requests, failed, longestGapMs }: Written, tookMs: number): void {
  const away = `${(longestGapMs / 1_000).toFixed(2)} s without an answer at most`;
  console.log(
    `${how}: ${(tookMs / 1_000).toFixed(1)} s, ${entries} entries, ${requests} requests, ${failed.length} refused, ${away}`,
  );
}
