import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import proto, { type temporal } from '@temporalio/proto';
import { parseHostId, parseStepId } from '../../model/ids.ts';
import type { FakeFleet } from '../fakes/fake-fleet.ts';
import { OLD_BUILD } from '../fakes/fake-upgrader.ts';
import { service } from '../fakes/release.ts';
import { startTemporal } from '../parts/temporal.ts';
import { unitBehaviours, type Recorded } from './record-units.ts';
import { addContainer, startContainer, toNewImage } from './container-upgrade.ts';
import { addSix, inPairs, NEW_IMAGE, startService } from './service-upgrade.ts';
import { openWorld, type World } from './world.ts';

export const historiesFolder = join(import.meta.dirname, '..', 'histories');

/** One run of a workflow: of an upgrade, or of one of its children. */
export type RecordedRun = { readonly workflowId: string; readonly history: History };
type History = temporal.api.history.v1.IHistory;
const { History } = proto.temporal.api.history.v1;

/** Reads what `npm run histories` wrote. */
export function parseRuns(text: string): readonly RecordedRun[] {
  const runs = JSON.parse(text) as readonly { readonly workflowId: string; readonly history: object }[];
  return runs.map(({ workflowId, history }) => ({ workflowId, history: History.fromObject(history) }));
}

function withServices(fleet: FakeFleet): FakeFleet {
  fleet.services = [service('dns'), service('web')];
  for (const { name } of fleet.services) fleet.members.add(['host-1', 'host-2'], { service: name, serverState: null });
  return fleet;
}

/** Three hops, the first with a migration that has no way back, the second with one before and one after its services. */
function onTheWay(world: World): FakeFleet {
  const fleet = world.fleet(2);
  fleet.path = ['1.4.0', '1.8.0'];
  fleet.migrations.declare('1.4.0', { name: 'cut', hasDown: false, isPointOfNoReturn: true });
  fleet.migrations.declare('1.8.0', { name: 'add' }, { name: 'drop', when: 'contract' });
  return fleet;
}

/** What released workflows must go on replaying, by the name of its file. */
export const behaviours: Readonly<Record<string, (world: World) => Promise<Recorded>>> = {
  'serial-success': async (world) => world.start(world.fleet(3)),

  'failure-and-rollback': async (world) => {
    const fleet = world.fleet(4);
    fleet.host('host-3').failNext({ state: 'reverted', error: 'postinst ended with 1', step: parseStepId('packages') });
    const upgrade = await world.start(fleet);
    await upgrade.until(({ state }) => state === 'waiting');
    await upgrade.command('rollback', { reason: 'bad release', by: 'ada' });
    return upgrade;
  },

  'environment-then-skip': async (world) => {
    const fleet = world.fleet(4);
    fleet.failDownload('host-1', 'environment');
    fleet.host('host-2').failNext({ state: 'reverted', error: 'registry is away', step: parseStepId('packages') });
    fleet.host('host-2').failNext({ state: 'stuck', error: 'undo failed' });
    fleet.probes.push({ ok: false, evidence: 'registry is away' });
    const upgrade = await world.start(fleet);
    await upgrade.until(({ state }) => state === 'waiting');
    await upgrade.onHost('skipHost', 'host-2');
    return upgrade;
  },

  'waves-paused-by-signals': async (world) => {
    const fleet = world.fleet(5);
    fleet.host('host-2').hold();
    const install = { strategy: 'waves', sizes: [{ hosts: 4 }], maxUnavailable: { hosts: 2 } } as const;
    const upgrade = await world.start(fleet, { install });
    await fleet.until(() => fleet.begun('install').includes('host-2'));
    await upgrade.signal('pause', { reason: 'lunch' });
    fleet.host('host-2').letGo();
    await upgrade.until(({ state }) => state === 'paused');
    await upgrade.signal('resume');
    return upgrade;
  },

  'chain-held-and-retried': async (world) => {
    const fleet = world.fleet(4);
    fleet.host('host-1').hold();
    fleet.host('host-3').failNext({ state: 'unhealthy', error: 'no answer' });
    const upgrade = await world.start(fleet, { install: { strategy: 'daisy-chain' } });
    await fleet.until(() => fleet.begun('install').length === 1);
    await upgrade.command('pause');
    await fleet.until(() => fleet.log.includes('hold'));
    fleet.host('host-1').letGo();
    await upgrade.until(({ state }) => state === 'paused');
    await upgrade.command('resume');
    await upgrade.until(({ state }) => state === 'waiting');
    await upgrade.onHost('retryHost', 'host-3');
    return upgrade;
  },

  'approved-then-aborted': async (world) => {
    const fleet = world.fleet(2);
    const install = { strategy: 'waves', sizes: [{ hosts: 1 }], maxUnavailable: null } as const;
    const upgrade = await world.start(fleet, { install, step: true });
    await upgrade.until(({ state }) => state === 'waiting');
    await upgrade.command('approve', { step: 'wave-1' });
    await upgrade.until(({ state, hosts }) => state === 'waiting' && hosts[0]?.state === 'done');
    await upgrade.command('abort');
    return upgrade;
  },

  'members-out-of-traffic': async (world) => {
    const fleet = world.fleet(3);
    fleet.balance();
    fleet.host('host-2').failNext({ state: 'lost', error: 'no sign of life' });
    fleet.host('host-3').hold();
    const upgrade = await world.start(fleet);
    await upgrade.until(({ state }) => state === 'waiting');
    await upgrade.onHost('retryHost', 'host-2');
    await fleet.until(() => fleet.begun('install').includes('host-3'));
    await upgrade.command('rollback');
    fleet.host('host-3').letGo();
    return upgrade;
  },

  'hops-with-migrations': async (world) => {
    const fleet = onTheWay(world);
    fleet.migrations.failNext('add', 'up', 'broken');
    const upgrade = await world.start(fleet, { step: true });
    for (const step of ['serial-1', 'cut', '1.8.0', 'serial-1', '2.0.0', 'serial-1']) {
      await upgrade.until(({ waiting }) => waiting.some(({ movedOnBy }) => movedOnBy.includes(`${step} |`)));
      await upgrade.command('approve', { step });
    }
    return upgrade;
  },

  'hops-back-to-a-point-of-no-return': async (world) => {
    const fleet = onTheWay(world);
    const upgrade = await world.start(fleet, { pointsOfNoReturn: 'pass' });
    await upgrade.until(({ hops }) => hops[2]?.state === 'running');
    fleet.host('host-2').failNext({ state: 'reverted' });
    await upgrade.until(({ state }) => state === 'waiting');
    await upgrade.command('rollback', { by: 'ada' });
    return upgrade;
  },

  'service-in-phases-and-back': async (world) => {
    const fleet = addSix(world.fleet(3));
    fleet.members.held.add('host-2');
    fleet.members.member('host-3').failNext('unhealthy');
    const policy = { ...inPairs, minAvailable: { hosts: 4 } };
    const upgrade = await startService(world, fleet, { policy });
    await fleet.until(() => fleet.log.includes('held host-2'));
    await upgrade.command('pause');
    fleet.members.held.clear();
    fleet.changed('let go');
    await upgrade.until(({ state }) => state === 'paused');
    await upgrade.command('resume');
    return upgrade;
  },

  'service-all-at-once': async (world) =>
    startService(world, addSix(world.fleet(3)), { policy: { strategy: { strategy: 'allAtOnce' } } }),

  'service-by-agents': async (world) => {
    const fleet = addSix(world.fleet(3));
    const release = { release: { ...fleet.release, version: NEW_IMAGE }, fence: null };
    return startService(world, fleet, { release, policy: { ...inPairs, mode: 'agent' } });
  },

  'release-with-services': async (world) => {
    const fleet = withServices(world.fleet(2));
    fleet.members.member('host-2', 'web-1').failNext('unhealthy');
    const upgrade = await world.start(fleet);
    await upgrade.until(({ state }) => state === 'waiting');
    await upgrade.command('resume');
    return upgrade;
  },

  'release-with-services-and-back': async (world) => {
    const fleet = withServices(world.fleet(2));
    fleet.members.held.add('host-2');
    fleet.members.member('host-1', 'dns-1').failBack('its disk is full');
    const upgrade = await world.start(fleet);
    await fleet.until(() => fleet.log.includes('held host-2'));
    await upgrade.command('pause');
    await upgrade.until(({ state }) => state === 'paused');
    await upgrade.command('rollback');
    fleet.members.held.clear();
    fleet.changed('let go');
    await upgrade.until(({ state }) => state === 'waiting');
    await upgrade.command('resume');
    return upgrade;
  },

  'upgrader-switched-while-paused': async (world) => {
    const fleet = world.fleet(2);
    fleet.itself.carry(2).bringAgent().openRuns.set(OLD_BUILD, 1);
    fleet.itself.held.add(parseHostId('host-1'));
    const upgrade = await world.start(fleet);
    await fleet.until(() => fleet.log.includes('begin agent host-1'));
    await upgrade.command('pause', { reason: 'lunch', by: 'ada' });
    fleet.itself.letGo();
    await upgrade.until(({ state }) => state === 'paused');
    await upgrade.command('resume');
    return upgrade;
  },

  'upgrader-asked-then-dropped': async (world) => {
    const fleet = world.fleet(2);
    fleet.itself.carry(2).sick.add(parseHostId('host-2'));
    fleet.itself.replays.push({ outcome: 'failed', message: 'the registry is away' });
    const upgrade = await world.start(fleet);
    await upgrade.until(({ state }) => state === 'waiting');
    await upgrade.command('resume');
    return upgrade;
  },

  'upgrader-blocked': async (world) => {
    const fleet = world.fleet(1);
    const fault = { workflowId: 'unit/f/shop', runId: 'r', event: 42, message: 'no such activity' };
    fleet.itself.carry(1).replays.push({ outcome: 'blocked', faults: [fault], more: 0 });
    return world.start(fleet);
  },

  'container-kept': async (world) =>
    startContainer(world, addContainer(world.fleet(1)), { action: { ...toNewImage, keepOldMs: 100 } }),

  'container-put-back': async (world) => {
    const fleet = addContainer(world.fleet(1));
    fleet.members.failPull('host-1', 'environment');
    fleet.members.member('host-1').failNext('unhealthy');
    return startContainer(world, fleet, { action: toNewImage });
  },

  ...unitBehaviours,
};

/** The upgrade's own history, of all its runs, and those of all its children. */
export async function fetchRuns({ client }: World, upgrade: Recorded): Promise<readonly RecordedRun[]> {
  const { workflowId } = upgrade.handle;
  const own: History[] = [];
  for (let runId = ''; own.length === 0 || runId !== '';) {
    const history = await client.workflow.getHandle(workflowId, runId === '' ? undefined : runId).fetchHistory();
    own.unshift(history);
    runId = history.events?.[0]?.workflowExecutionStartedEventAttributes?.continuedExecutionRunId ?? '';
  }
  const children = own
    .flatMap(({ events }) => events ?? [])
    .flatMap((event) => event.childWorkflowExecutionStartedEventAttributes?.workflowExecution ?? []);
  // The way there and back of one service are two runs of one workflow id.
  const fetched = children.map(async ({ workflowId: id, runId }) => ({
    workflowId: id ?? '',
    history: await client.workflow.getHandle(id ?? '', runId ?? '').fetchHistory(),
  }));
  return [...own.map((history) => ({ workflowId, history })), ...(await Promise.all(fetched))];
}

/** `npm run histories` records every behaviour anew, or those named after it; done when workflows are released, never to mend a replay that fails. */
async function main(): Promise<void> {
  await using server = await startTemporal();
  const world = await openWorld(server.address);
  await mkdir(historiesFolder, { recursive: true });
  const named = process.argv.slice(2);
  for (const [name, act] of Object.entries(behaviours)) {
    if (named.length > 0 && !named.includes(name)) continue;
    const upgrade = await act(world);
    await upgrade.end();
    const runs = (await fetchRuns(world, upgrade)).map(toJson);
    await writeFile(join(historiesFolder, `${name}.json`), `${JSON.stringify(runs, withoutMachine)}\n`);
  }
  await world.close();
}

const toJson = ({ workflowId, history }: RecordedRun): object => ({
  workflowId,
  history: History.toObject(History.fromObject(history), { longs: String, enums: String, bytes: String }),
});

/** Nothing of the recorder's own machine: paths in stacks, names of hosts and processes. */
const withoutMachine = (key: string, value: unknown): unknown =>
  key === 'stackTrace' || key === 'identity' ? '' : value;

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await main();
