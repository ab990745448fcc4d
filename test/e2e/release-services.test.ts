import { afterEach, beforeAll, expect, test } from 'vitest';
import { isNightly } from '../nightly.ts';
import { inventory } from './platform/inventory.ts';
import {
  memberContainers,
  members,
  memberVersions,
  publishWebImage,
  removeMembers,
  startMembers,
  webHosts,
} from './platform/members.ts';
import { onHost, refit, refitJson, type Upgrade } from './platform/refit.ts';
import { hosts, installedVersion, publishNext, settleFleet } from './platform/upgrade.ts';

type WithServices = Upgrade & { readonly services: readonly { readonly name: string; readonly state: string }[] };

const images = new Map<string, string>();

beforeAll(async () => {
  for (const version of ['1.0.0', '2.0.0']) images.set(version, await publishWebImage({ version }));
  images.set('sick', await publishWebImage({ version: '3.0.0', sick: true }));
});

afterEach(async () => {
  await settleFleet();
  await removeMembers();
  await removeSecondService();
});

/** One member on host-4, without a load balancer. */
async function startSecondService(): Promise<void> {
  const image = images.get('1.0.0') ?? '';
  await onHost('host-4', ['docker', 'pull', '--quiet', image]);
  const options = ['--detach', '--name', 'web2', '--label', 'dev.refit.service=web2'];
  await onHost('host-4', ['docker', 'run', ...options, image]);
}

const removeSecondService = async (): Promise<unknown> =>
  onHost('host-4', [
    'sh',
    '-c',
    'ids=$(docker ps -aq --filter label=dev.refit.service=web2); test -z "$ids" || docker rm -f $ids',
  ]);

const every = (value: string): readonly string[] => members.map(() => value);

/** Lines of release.yaml; `deadline` bounds how long a sick image is waited for. */
const web = (version: string, more = ''): string => `services:
  - name: web
    image: ${images.get(version) ?? ''}
    strategy: { phases: 2 }
    minAvailable: 4
    drain: 2s
    health: { minHealthyTime: 500ms, deadline: 15s }
${more}`;

test.skipIf(!isNightly).each(['inPlace', 'agent'])(
  'a release’s service follows its hosts (mode %s), and a second start finds all of it there',
  async (mode) => {
    await startMembers(images.get('1.0.0') ?? '');
    const { reference, version } = await publishNext({ extra: web('2.0.0', `    mode: ${mode}`) });

    const upgrade = await refitJson<WithServices>(['upgrade', reference]);

    expect(upgrade.services).toMatchObject([{ name: 'web', state: 'done' }]);
    expect(await memberVersions()).toEqual(every('2.0.0'));
    for (const host of hosts) expect(await installedVersion(host)).toBe(version);
    // What an agent replaced it keeps as long as it can undo it, as every step of a host.
    const kept = mode === 'agent' ? 2 : 0;
    for (const host of webHosts) {
      const found = await memberContainers(host);
      expect(found.filter((one) => !one.includes('.refit-kept-'))).toEqual(['web-1 running', 'web-2 running']);
      expect(found).toHaveLength(2 + kept);
    }

    const again = await refitJson<WithServices>(['upgrade', reference]);
    expect(again.services).toMatchObject([{ name: 'web', state: 'alreadyThere' }]);
  },
);

test.skipIf(!isNightly)(
  'a service that fails stops the upgrade, and rollback takes services and hosts back together',
  async () => {
    const base = await publishNext();
    await refitJson<Upgrade>(['upgrade', base.reference]);
    await startMembers(images.get('1.0.0') ?? '');
    const before = await Promise.all(hosts.map(inventory));
    const broken = `  - name: web2\n    image: ${images.get('sick') ?? ''}\n    health: { minHealthyTime: 500ms, deadline: 8s }`;
    const next = await publishNext({ extra: web('2.0.0', broken) });
    await startSecondService();

    const paused = await refitJson<WithServices>(['upgrade', next.reference], 4);
    expect(paused.services.map(({ name, state }) => `${name} ${state}`)).toEqual(['web done', 'web2 failed']);
    expect(await memberVersions()).toEqual(every('2.0.0'));

    const back = await refit(['rollback', paused.id, '--json']);

    expect(back.exitCode, back.stderr).toBe(0);
    expect((JSON.parse(back.stdout) as Upgrade).state).toBe('rolledBack');
    expect(await memberVersions()).toEqual(every('1.0.0'));
    await removeSecondService();
    for (const [index, host] of hosts.entries()) expect(await inventory(host), host).toBe(before[index]);
  },
);
