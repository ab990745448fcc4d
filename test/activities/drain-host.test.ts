import { afterEach, describe, expect, it } from 'vitest';
import type { SteerHostInput } from '../../activities/traffic-activities.ts';
import { parseServiceId, parseUnitId } from '../../model/ids.ts';
import { LoadBalancerError, type ServerPlace } from '../../model/load-balancer.ts';
import { SERVICE_LABEL } from '../../model/service.ts';
import type { UnitBalancer } from '../../model/slot-balancer.ts';
import { unitLabels } from '../../model/unit.ts';
import { eventually } from '../eventually.ts';
import { at, fastClock, newEnvironment, perform, run, startHarness, type Harness } from './harness.ts';

const LABELS = { [SERVICE_LABEL]: 'web' };
const balancer = { loadBalancer: 'edge', backend: 'web', server: '{host}-{container}' };
const shop = parseUnitId('shop');
const shopBalancer: UnitBalancer = {
  ...{ type: 'haproxy', loadBalancer: 'edge', map: '/shop.map', mapFile: '/shop.map' },
  frontends: [{ service: parseServiceId('web'), backend: 'shop-web-{slot}', server: '{host}-{container}' }],
};
const place = (server: string): ServerPlace => ({ loadBalancer: 'edge', backend: 'web', server });
const OWN = [place('host-1-web-1'), place('host-1-web-2')];
let harness: Harness | null = null;
afterEach(() => harness?.close());

type Started = Harness & {
  readonly input: { readonly host: SteerHostInput['host'] } & typeof run;
  readonly steer: (servers?: readonly ServerPlace[], waitMs?: number) => SteerHostInput;
};

/** Two hosts with web-1 and web-2 each behind the edge, on a clock that goes twenty times as fast. */
function start(): Started {
  const started = (harness = startHarness(2, undefined, fastClock(20)));
  started.services.push({ name: parseServiceId('web'), selector: LABELS, balancer });
  for (const host of started.hosts) {
    for (const container of ['web-1', 'web-2']) {
      started.engines.get(host)?.run(container, 'registry.lab:5000/web@sha256:1', LABELS);
      started.edge.add('web', `${host}-${container}`);
    }
  }
  const input = { ...run, host: at(started.hosts, 0) };
  return { ...started, input, steer: (servers = OWN, waitMs = 600_000) => ({ ...input, servers, waitMs }) };
}

const stateOf = async ({ edge }: Harness, server: string): Promise<string | undefined> =>
  (await edge.servers('web')).find(({ name }) => name === server)?.state;

const finding = (what: RegExp): unknown =>
  expect.objectContaining({ host: 'host-1', severity: 'warning', what: expect.stringMatching(what) as string });

describe('finding the servers of a host', () => {
  it('they are those of its running members that are ready; nothing is changed', async () => {
    const { activities, input, edge, engine } = start();
    engine(0).run('db', 'postgres:16', { [SERVICE_LABEL]: 'db' });

    expect(await perform(activities.findHostServers, input)).toEqual({ servers: OWN, findings: [] });
    expect(edge.told).toEqual([]);
  });

  it.each(['drain', 'maintenance'] as const)(
    'a server that somebody else has set to %s is none of ours',
    async (state) => {
      const { activities, input, edge } = start();
      edge.add('web', 'host-1-web-2', { state });

      expect(await perform(activities.findHostServers, input)).toEqual({ servers: [OWN[0]], findings: [] });
    },
  );

  it('a unit’s members are among them, those of the slot that serves and of the one that stands by', async () => {
    const { activities, input, edge, engine, units } = start();
    units.push({ name: shop, balancer: shopBalancer, files: {} });
    for (const slot of ['blue', 'green']) {
      const labels = { [unitLabels.unit]: shop, [unitLabels.slot]: slot, [unitLabels.service]: 'web' };
      engine(0).run(`shop-${slot}-web-1`, 'registry.lab:5000/web@sha256:2', labels);
      edge.add(`shop-web-${slot}`, `host-1-shop-${slot}-web-1`).add(`shop-web-${slot}`, `host-2-shop-${slot}-web-2`);
    }

    const { servers } = await perform(activities.findHostServers, input);

    expect(servers.map(({ backend, server }) => `${backend}/${server}`).slice(OWN.length)).toEqual([
      'shop-web-blue/host-1-shop-blue-web-1',
      'shop-web-green/host-1-shop-green-web-1',
    ]);
  });

  it('members that nobody else can stand in for stay in traffic, and it is said', async () => {
    const { activities, input, edge } = start();
    edge.add('web', 'host-2-web-1', { state: 'drain' }).add('web', 'host-2-web-2', { health: 'down' });

    const found = await perform(activities.findHostServers, input);

    expect(found).toEqual({ servers: [], findings: [finding(/backend web at edge has no other server/)] });
  });

  it('an engine that does not answer means that nothing is drained, and it is said', async () => {
    const { activities, input, engine } = start();
    engine(0).down();

    const found = await perform(activities.findHostServers, input);

    expect(found).toEqual({ servers: [], findings: [finding(/stay in traffic: its members of web can't be seen/)] });
  });

  it('so does a balancer that does not answer', async () => {
    const { activities, input, edge } = start();
    edge.down();

    const found = await perform(activities.findHostServers, input);

    expect(found).toEqual({ servers: [], findings: [finding(/stay in traffic: load balancer edge/)] });
  });
});

describe('draining a host', () => {
  it('sets its servers to drain, and waits until none of them has anything to do', async () => {
    const { activities, steer, edge } = start();
    edge.change({ backend: 'web', server: 'host-1-web-2' }, { sessions: 2 });
    const beats: unknown[] = [];
    let isOver = false;
    const drained = perform(activities.drainHost, steer(), { beats }).finally(() => (isOver = true));
    await eventually(() => edge.told.length === 2 && beats.length > 1);

    expect(isOver).toBe(false);
    edge.change({ backend: 'web', server: 'host-1-web-2' }, { sessions: 0 });

    expect(await drained).toEqual({ servers: OWN, findings: [] });
    expect(edge.told).toEqual(['web/host-1-web-1 drain', 'web/host-1-web-2 drain']);
    expect(at(beats, 0)).toMatchObject({ host: 'host-1', step: 'draining its members' });
  });

  it('ends when its time is over, which all attempts share', async () => {
    const { activities, steer, edge } = start();
    edge.change({ backend: 'web', server: 'host-1-web-1' }, { sessions: 3 });
    const env = newEnvironment({ attempt: 2, heartbeatDetails: { since: Date.now() - 3_600_000 } });

    expect(await perform(activities.drainHost, steer(OWN, 1_000))).toEqual({ servers: OWN, findings: [] });
    expect(await perform(activities.drainHost, steer(), { env })).toEqual({ servers: OWN, findings: [] });
  });

  it('an attempt after a lost worker answers with what the earlier one drained', async () => {
    const started = start();
    await started.edge.setState(at(OWN, 0), 'drain');

    const drained = await perform(started.another().drainHost, started.steer());

    expect(drained.servers).toEqual(OWN);
    expect(await stateOf(started, 'host-1-web-2')).toBe('drain');
  });

  it('two hosts that are drained at the same time never leave a backend without any server', async () => {
    const started = start();
    const other = [place('host-2-web-1'), place('host-2-web-2')];
    const setState = started.edge.setState.bind(started.edge);
    // The other host's drain comes between this one's look and its change.
    started.edge.setState = async (server, state, signal) => {
      started.edge.setState = setState;
      for (const each of other) await setState(each, 'drain');
      await setState(server, state, signal);
    };

    const drained = await perform(started.activities.drainHost, started.steer());

    expect(drained).toEqual({ servers: [], findings: [finding(/no other server/)] });
    expect(await stateOf(started, 'host-1-web-1')).toBe('ready');
    expect(await stateOf(started, 'host-1-web-2')).toBe('ready');
  });

  it('leaves a server in the maintenance that somebody else has put it into', async () => {
    const started = start();
    await started.edge.setState(at(OWN, 0), 'maintenance');

    await perform(started.activities.drainHost, started.steer());
    await perform(started.activities.admitHost, started.steer());

    expect(await stateOf(started, 'host-1-web-1')).toBe('maintenance');
    expect(await stateOf(started, 'host-1-web-2')).toBe('ready');
  });

  it('a balancer that is away holds nothing up; what may be drained is in the answer', async () => {
    const { activities, steer, edge } = start();
    edge.down();

    const drained = await perform(activities.drainHost, steer());

    expect(drained).toEqual({ servers: OWN, findings: [finding(/may still be in traffic: load balancer edge/)] });
  });
});

describe('putting a host back into traffic', () => {
  it('sets exactly the named servers ready, and waits until the balancer sees them healthy', async () => {
    const started = start();
    const { activities, steer, edge } = started;
    for (const { server } of OWN) edge.add('web', server, { state: 'drain', health: 'down' });
    const admitted = perform(activities.admitHost, steer([at(OWN, 0)]));
    await eventually(() => edge.told.length === 1);

    edge.change({ backend: 'web', server: 'host-1-web-1' }, { health: 'up' });

    expect(await admitted).toEqual({ servers: [], findings: [] });
    expect(edge.told).toEqual(['web/host-1-web-1 ready']);
    expect(await stateOf(started, 'host-1-web-2')).toBe('drain');
  });

  it('members that are not healthy in time are named in a warning', async () => {
    const { activities, steer, edge } = start();
    edge.add('web', 'host-1-web-1', { state: 'drain', health: 'down' });

    const left = await perform(activities.admitHost, steer(OWN, 30_000));

    expect(left).toEqual({
      servers: [],
      findings: [finding(/not healthy at the load balancer within 30 s: web\/host-1-web-1 at edge/)],
    });
  });

  it('a balancer that is away is asked again', async () => {
    const { activities, steer, edge } = start();
    edge.down();

    await expect(perform(activities.admitHost, steer())).rejects.toBeInstanceOf(LoadBalancerError);
  });

  it('and given up after minutes: what is left drained is named', async () => {
    const { activities, steer, edge } = start();
    edge.down();
    const env = newEnvironment({ attempt: 9, heartbeatDetails: { tried: Date.now() - 3_600_000, since: null } });

    const left = await perform(activities.admitHost, steer(), { env });

    expect(left).toEqual({ servers: OWN, findings: [finding(/left drained \(load balancer edge.*web\/host-1-web-1/)] });
  });

  it('a server that the balancer does not know any more is named in a warning', async () => {
    const { activities, steer } = start();

    const left = await perform(activities.admitHost, steer([place('host-1-gone')], 1_000));

    expect(left.findings).toEqual([finding(/web\/host-1-gone/)]);
  });
});
