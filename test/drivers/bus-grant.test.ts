import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { expect, onTestFinished, test } from 'vitest';
import { startEtcd, type EtcdCluster } from '../parts/etcd.ts';

const program = join(import.meta.dirname, '../../bin/refit.mjs');

type Answer = { readonly exitCode: number | undefined; readonly stdout: string; readonly stderr: string };
type Refit = (...args: readonly string[]) => Promise<Answer>;

async function secureEtcd(): Promise<EtcdCluster> {
  const etcd = await startEtcd({ isSecure: true });
  onTestFinished(etcd.close);
  return etcd;
}

/** The command line, with a fleet file whose etcd is known by the fleet's own certificate. */
async function refitFor(etcd: EtcdCluster, hosts: readonly string[]): Promise<Refit> {
  const folder = await mkdtemp(join(tmpdir(), 'refit-bus-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const { caFile, certFile, keyFile } = await etcd.identify('site-a');
  const file = join(folder, 'fleet.yaml');
  const text = [
    'fleet: site-a',
    'hosts:',
    ...hosts.map((name, index) => `  - { name: ${name}, engine: { endpoint: "tcp://127.0.0.1:${index + 1}" } }`),
    `etcd: { endpoints: ["${etcd.endpoints[0] ?? ''}"], caFile: ${caFile}, certFile: ${certFile}, keyFile: ${keyFile} }`,
  ];
  await writeFile(file, text.join('\n'));
  return async (...args) => {
    const { exitCode, stdout, stderr } = await execa(process.execPath, [program, '--fleet', file, 'bus', ...args], {
      reject: false,
    });
    return { exitCode, stdout, stderr };
  };
}

const asUser = async (etcd: EtcdCluster, user: string): Promise<readonly string[]> => {
  const { certFile, keyFile } = await etcd.identify(user);
  return ['--cert-file', certFile, '--key-file', keyFile];
};

test('rights are shown, given once, checked, and taken from a host that left', async () => {
  const etcd = await secureEtcd();
  const root = await asUser(etcd, 'root');
  const refit = await refitFor(etcd, ['web-1', 'web-2']);

  const shown = await refit('grant', '--dry-run', ...root);
  const unchecked = await refit('check', ...root);
  const given = await refit('grant', '--enforce', '--json', ...root);
  const again = await refit('grant', ...root);
  const checked = await refit('check', ...root);

  expect(shown).toMatchObject({ exitCode: 0 });
  expect(shown.stdout).toContain('would add user web-2@site-a');
  expect(shown.stdout).toContain('none made');
  expect(unchecked).toMatchObject({ exitCode: 1 });
  expect(JSON.parse(given.stdout)).toMatchObject({ fleet: 'site-a', enforced: true, dryRun: false, left: [] });
  expect(again.stdout).toBe('fleet site-a: nothing to change for 3 users');
  expect(checked).toMatchObject({ exitCode: 0 });

  const smaller = await refitFor(etcd, ['web-1']);
  const kept = await smaller('grant', ...root);
  const differs = await smaller('check', ...root);
  const pruned = await smaller('grant', '--prune', ...root);

  expect(kept.stdout).toContain('not in the fleet file, but still with rights: web-2@site-a; add --prune');
  expect(differs).toMatchObject({ exitCode: 1 });
  expect(pruned.stdout).toContain('remove user web-2@site-a');
  expect(await smaller('check', ...root)).toMatchObject({ exitCode: 0 });
});

test('only etcd’s root gives rights, and nobody else turns the checks on', async () => {
  const etcd = await secureEtcd();
  const refit = await refitFor(etcd, ['web-1']);

  const locked = await refit('grant', '--enforce');
  await refit('grant', '--enforce', ...(await asUser(etcd, 'root')));
  const byFleet = await refit('grant');

  expect(locked).toMatchObject({ exitCode: 2 });
  expect(locked.stderr).toContain('--enforce needs a certificate with the common name root, got "CN=site-a"');
  expect(byFleet).toMatchObject({ exitCode: 2 });
  expect(byFleet.stderr).toContain('lets only root see and change rights');
});
