import { afterEach, beforeAll, expect, test } from 'vitest';
import { publishWebImage } from './platform/members.ts';
import { lab, onHost, refit, refitJson } from './platform/refit.ts';
import { eventually } from '../eventually.ts';
import { isNightly } from '../nightly.ts';

/** As `refit container upgrade --json` answers. */
type ContainerUpgrade = {
  readonly state: string;
  readonly containerId: string | null;
  readonly keptUntil: string | number | null;
};

const FAST = ['--min-healthy', '500ms', '--deadline', '60s'] as const;
let old = '';
let next = '';
let sick = '';

beforeAll(async () => {
  [old, next, sick] = await Promise.all([
    publishWebImage({ version: '1.0.0' }),
    publishWebImage({ version: '2.0.0' }),
    publishWebImage({ version: '3.0.0', sick: true }),
  ]);
});

afterEach(async () => {
  await onHost('host-1', [
    'sh',
    '-c',
    'ids=$(docker ps -aq --filter name=by-hand); test -z "$ids" || docker rm -f $ids',
  ]);
});

/** A container that refit never saw, as somebody would start it by hand. */
async function startByHand(): Promise<void> {
  await onHost('host-1', ['docker', 'pull', '--quiet', old]);
  const options = [
    '--restart',
    'always',
    '--publish',
    '8099:8080',
    '--env',
    'MINE=1',
    '--label',
    'mine=yes',
    '--memory',
    '256m',
  ];
  await onHost('host-1', ['docker', 'run', '--detach', '--name', 'by-hand', ...options, old]);
}

const version = async (): Promise<string> => {
  const answer = await onHost('host-1', ['curl', '--silent', '--max-time', '5', 'http://127.0.0.1:8099/']);
  return (JSON.parse(answer) as { readonly version: string }).version;
};
const inspect = async (format: string): Promise<string> =>
  onHost('host-1', ['docker', 'inspect', '--format', format, 'by-hand']);
const names = async (): Promise<readonly string[]> =>
  (await onHost('host-1', ['docker', 'ps', '--all', '--filter', 'name=by-hand', '--format', '{{.Names}} {{.State}}']))
    .split('\n')
    .sort();
const upgrade = (...args: readonly string[]): readonly string[] => ['container', 'upgrade', ...FAST, ...args];

test('a container that refit never saw is upgraded in place, is there already the second time, and goes back while the old one is kept', async () => {
  await startByHand();
  const before = await inspect('{{.Id}}');

  const done = await refitJson<ContainerUpgrade>(
    upgrade('--keep-old', '1h', '--env', 'NEW=2', 'host-1', 'by-hand', next),
  );

  expect(done.state).toBe('succeeded');
  expect(await eventually(version)).toBe('2.0.0');
  const env = await inspect('{{json .Config.Env}}');
  expect(env).toContain('MINE=1');
  expect(env).toContain('NEW=2');
  expect(
    await inspect('{{.HostConfig.Memory}} {{.HostConfig.RestartPolicy.Name}} {{index .Config.Labels "mine"}}'),
  ).toBe('268435456 always yes');

  const again = await refitJson<ContainerUpgrade>(upgrade('host-1', 'by-hand', next));
  expect(again.state).toBe('alreadyThere');

  const back = await refit(['container', 'rollback', 'host-1', 'by-hand']);
  expect(back.exitCode, back.stderr).toBe(0);
  expect(await eventually(version)).toBe('1.0.0');
  expect(await inspect('{{.Id}}')).toBe(before);
  expect(await names()).toEqual(['by-hand running']);
});

test('a new container that never gets healthy is removed, the old one runs again as it was, exit code 1', async () => {
  await startByHand();
  const before = await inspect('{{.Id}} {{.HostConfig.RestartPolicy.Name}}');

  const answer = await refit([
    'container',
    'upgrade',
    '--min-healthy',
    '500ms',
    '--deadline',
    '8s',
    'host-1',
    'by-hand',
    sick,
  ]);

  expect(answer.exitCode).toBe(1);
  expect(answer.stderr).toMatch(/health check failed/);
  expect(await inspect('{{.Id}} {{.HostConfig.RestartPolicy.Name}}')).toBe(before);
  expect(await eventually(version)).toBe('1.0.0');
  expect(await names()).toEqual(['by-hand running']);
});

test.skipIf(!isNightly)('a worker killed while it replaces a container: the next one finishes it', async () => {
  await startByHand();
  await refitJson(['container', 'upgrade', '--min-healthy', '3s', '--detach', 'host-1', 'by-hand', next]);
  await eventually(async () => (await names()).length === 2, { withinMs: 60_000, everyMs: 20 });

  await lab.killWorker('SIGKILL');
  await lab.startWorker();

  await eventually(async () => (await names()).join() === 'by-hand running' && (await version()) === '2.0.0', {
    withinMs: 60_000,
    everyMs: 200,
  });
});

test.each([
  ['an unknown host', ['host-9', 'by-hand', 'registry.lab:5000/sample-web:2.0.0'], /host-9.*host-1/s],
  ['an unknown container', ['host-1', 'nobody', 'registry.lab:5000/sample-web:2.0.0'], /nobody/],
  ['an unknown image', ['host-1', 'by-hand', 'registry.lab:5000/no-such-image:1'], /no-such-image/],
])('%s: exit code 2 with its name, and nothing is changed', async (_, args, words) => {
  await startByHand();
  const before = await inspect('{{.Id}} {{.State.StartedAt}}');

  const answer = await refit(upgrade(...args));

  expect(answer.exitCode, answer.stderr).toBe(2);
  expect(answer.stderr).toMatch(words);
  expect(await inspect('{{.Id}} {{.State.StartedAt}}')).toBe(before);
  expect(await names()).toEqual(['by-hand running']);
});
