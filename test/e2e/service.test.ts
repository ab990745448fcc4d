import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isNightly } from '../nightly.ts';
import { eventually } from '../eventually.ts';
import { LOOK_EVERY_MS } from './platform/command-line.ts';
import { serviceEvents } from './platform/engine-events.ts';
import {
  balancer,
  memberContainers,
  members,
  memberVersions,
  publishWebImage,
  removeMembers,
  sampleAvailable,
  startMembers,
  webHosts,
} from './platform/members.ts';
import { lab, refit, refitJson } from './platform/refit.ts';
import { startRequests } from './platform/requests.ts';

/** As `refit service status --json` and `refit service upgrade --json` answer. */
type ServiceStatus = {
  readonly service: string;
  readonly upgrade: { readonly id: string; readonly state: string } | null;
  readonly members: readonly { readonly host: string; readonly container: string; readonly state: string }[];
};
type ServiceUpgrade = {
  readonly id: string;
  readonly state: string;
  readonly error: string | null;
  readonly members: readonly {
    readonly host: string;
    readonly container: string;
    readonly state: string;
    readonly error?: string;
  }[];
};

const FAST = ['--min-healthy', '500ms', '--deadline', '60s', '--drain', '5s'] as const;
const images = new Map<string, string>();
const image = (version: string): string => images.get(version) ?? '';

beforeAll(async () => {
  for (const version of ['1.0.0', '2.0.0']) images.set(version, await publishWebImage({ version }));
  images.set('sick', await publishWebImage({ version: '3.0.0', sick: true }));
});

// Each start removes what is there.
afterAll(removeMembers);

/** The latest upgrade of the service is over; without a worker nobody can tell. */
async function untilOver(): Promise<string> {
  return eventually(
    async () => {
      const state = (await status()).upgrade?.state ?? null;
      return state === 'running' ? null : state;
    },
    { withinMs: 120_000, everyMs: LOOK_EVERY_MS },
  );
}
const status = async (): Promise<ServiceStatus> => refitJson<ServiceStatus>(['service', 'status', 'web']);
const statesOf = ({ members: found }: ServiceStatus | ServiceUpgrade): readonly string[] =>
  found.map(({ state }) => state);
const every = (value: string): readonly string[] => members.map(() => value);
const frontend = async (): Promise<string> => `http://127.0.0.1:${(await lab.state())?.balancer?.webPort ?? 0}/`;

/** No stand-in, nothing stopped: two members on each host and that is all. */
async function expectNothingLeft(): Promise<void> {
  for (const host of webHosts) expect(await memberContainers(host)).toEqual(['web-1 running', 'web-2 running']);
  const servers = (await balancer().servers('web')).filter(({ name }) =>
    webHosts.some((host) => name.startsWith(host)),
  );
  expect(servers.map(({ state }) => state)).toEqual(every('ready'));
}

test('in phases of two behind the load balancer no request fails, and never fewer members are available than allowed', async () => {
  await startMembers(image('1.0.0'));
  const requests = startRequests(await frontend());
  const sampler = sampleAvailable();

  const upgrade = await refitJson<ServiceUpgrade>([
    ...['service', 'upgrade', 'web', image('2.0.0'), '--phases', '2', '--min-available', '4', ...FAST],
  ]);

  const { least, looks } = await sampler.stop();
  const { answered, failed, versions } = await requests.stop();
  console.info(
    `${answered} requests answered, ${failed.length} failed; at least ${least} of 6 available in ${looks} looks`,
  );
  expect(failed).toEqual([]);
  expect(versions).toEqual(['1.0.0', '2.0.0']);
  expect(answered).toBeGreaterThan(500);
  expect(looks).toBeGreaterThan(50);
  expect(least).toBe(4);
  expect(upgrade.state).toBe('succeeded');
  expect(await memberVersions()).toEqual(every('2.0.0'));
  expect(statesOf(await status())).toEqual(every('Active'));
  await expectNothingLeft();
});

test('an image that turns sick in the second phase stops there, and the members already done go back without a failed request', async () => {
  await startMembers(image('1.0.0'), { 'host-2/web-1': 'WEB_SICK=2.0.0' });
  const requests = startRequests(await frontend());

  const answer = await refit([
    'service',
    'upgrade',
    'web',
    image('2.0.0'),
    '--phases',
    '2',
    '--deadline',
    '15s',
    '--min-healthy',
    '500ms',
    '--json',
  ]);

  const { failed } = await requests.stop();
  expect(answer.exitCode, answer.stderr).toBe(1);
  const upgrade = JSON.parse(answer.stdout) as ServiceUpgrade;
  expect(upgrade.state).toBe('rolledBack');
  const stateOf = Object.fromEntries(
    upgrade.members.map(({ host, container, state }) => [`${host}/${container}`, state]),
  );
  expect(stateOf).toEqual({
    ...{
      'host-1/web-1': 'RolledBack',
      'host-1/web-2': 'RolledBack',
      'host-2/web-1': 'Failed',
      'host-2/web-2': 'RolledBack',
    },
    ...{ 'host-3/web-1': 'Active', 'host-3/web-2': 'Active' },
  });
  expect(failed).toEqual([]);
  expect(await memberVersions()).toEqual(every('1.0.0'));
  await expectNothingLeft();
});

test.runIf(isNightly)('all at once: no old member runs after the first new one has started', async () => {
  await startMembers(image('1.0.0'));
  const since = Date.now();

  await refitJson<ServiceUpgrade>(['service', 'upgrade', 'web', image('2.0.0'), '--all-at-once', ...FAST]);

  const events = await serviceEvents(webHosts, since);
  const lastStop = Math.max(...events.filter(({ action }) => action === 'die').map(({ at }) => at));
  const firstStart = Math.min(...events.filter(({ action }) => action === 'start').map(({ at }) => at));
  expect(events.filter(({ action }) => action === 'die')).toHaveLength(members.length);
  expect(events.filter(({ action }) => action === 'start')).toHaveLength(members.length);
  expect(lastStop).toBeLessThan(firstStart);
  expect(await memberVersions()).toEqual(every('2.0.0'));
  await expectNothingLeft();
});

test.runIf(isNightly)(
  'all at once with one sick member: every new one is stopped before the first old one runs again',
  async () => {
    await startMembers(image('1.0.0'), { 'host-3/web-2': 'WEB_SICK=2.0.0' });
    const since = Date.now();

    const answer = await refit([
      'service',
      'upgrade',
      'web',
      image('2.0.0'),
      '--all-at-once',
      '--deadline',
      '15s',
      '--min-healthy',
      '500ms',
    ]);

    expect(answer.exitCode, answer.stderr).toBe(1);
    const events = await serviceEvents(webHosts, since);
    const starts = events.filter(({ action }) => action === 'start').map(({ at }) => at);
    const stops = events.filter(({ action }) => action === 'die').map(({ at }) => at);
    // Six of each on the way there, six of each on the way back; by host's clock, which all of a lab share.
    expect(stops.sort((a, b) => a - b)[members.length * 2 - 1]).toBeLessThan(
      starts.sort((a, b) => a - b)[members.length] ?? 0,
    );
    expect(await memberVersions()).toEqual(every('1.0.0'));
    await expectNothingLeft();
  },
);

test.runIf(isNightly)(
  'a second upgrade of the same service is refused, and states are to be seen while they last',
  async () => {
    await startMembers(image('1.0.0'));
    await refitJson([
      'service',
      'upgrade',
      'web',
      image('2.0.0'),
      '--phases',
      '2',
      '--min-healthy',
      '1500ms',
      '--detach',
    ]);
    await eventually(async () => statesOf(await status()).includes('Updating'), { withinMs: 30_000, everyMs: 100 });
    const onBus = await lab.exec('host-1', [
      'sh',
      '-c',
      `ETCDCTL_API=3 etcdctl get --prefix /refit/v1/${lab.name}/services/web/`,
    ]);

    const second = await refit(['service', 'upgrade', 'web', image('sick')]);

    expect(onBus.stdout).toContain('"Updating"');
    expect(second.exitCode).toBe(2);
    expect(second.stderr).toMatch(/upgrade at work|at work already/);
    expect(await untilOver()).toBe('succeeded');
    expect(await memberVersions()).toEqual(every('2.0.0'));
  },
);

test.runIf(isNightly)(
  'a worker killed in the middle of a phase is replaced by another, which finishes it',
  async () => {
    await startMembers(image('1.0.0'));
    await refitJson(['service', 'upgrade', 'web', image('2.0.0'), '--phases', '3', ...FAST, '--detach']);
    await eventually(async () => statesOf(await status()).includes('Updating'), { withinMs: 30_000, everyMs: 50 });

    await lab.killWorker('SIGKILL');
    await lab.startWorker();

    expect(await untilOver()).toBe('succeeded');
    expect(await memberVersions()).toEqual(every('2.0.0'));
    await expectNothingLeft();
  },
);

test.runIf(isNightly)(
  'with create, new containers come from the image’s id and nothing of the old ones is kept',
  async () => {
    await startMembers(image('1.0.0'));

    await refitJson<ServiceUpgrade>([
      'service',
      'upgrade',
      'web',
      image('2.0.0'),
      '--mode',
      'create',
      '--phases',
      '50%',
      ...FAST,
    ]);

    const created = await lab.exec('host-1', [
      'docker',
      'inspect',
      '--format',
      '{{.Config.Image}} {{.Image}}',
      'web-1',
    ]);
    const [named, id] = created.stdout.trim().split(' ');
    expect(named).toMatch(/^sha256:/);
    expect(named).toBe(id);
    expect(await memberVersions()).toEqual(every('2.0.0'));
    await expectNothingLeft();
  },
);

describe('input that is wrong', () => {
  beforeAll(async () => startMembers(image('1.0.0')));

  test.each([
    ['an unknown image', ['service', 'upgrade', 'web', 'registry.lab:5000/no-such-image:1'], /no-such-image/],
    ['a service without members', ['service', 'upgrade', 'nobody', 'registry.lab:5000/sample-web:2.0.0'], /nobody/],
    [
      'fewer available than allowed',
      ['service', 'upgrade', 'web', 'registry.lab:5000/sample-web:2.0.0', '--min-available', '6'],
      /available/,
    ],
  ])('%s: exit code 2, and nothing is changed', async (_, args, words) => {
    const before = await Promise.all(webHosts.map(memberContainers));

    const answer = await refit(args);

    expect(answer.exitCode, answer.stderr).toBe(2);
    expect(answer.stderr).toMatch(words);
    expect(await Promise.all(webHosts.map(memberContainers))).toEqual(before);
    expect(await memberVersions()).toEqual(every('1.0.0'));
  });
});
