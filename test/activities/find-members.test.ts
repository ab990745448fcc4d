import { afterEach, describe, expect, it } from 'vitest';
import type { FindMembersInput } from '../../activities/member-activities.ts';
import { busKeys } from '../../model/bus.ts';
import { parseServiceId, parseUpgradeId } from '../../model/ids.ts';
import { RegistryError } from '../../model/registry.ts';
import type { ServiceRelease } from '../../model/release.ts';
import { defaultServicePolicy, SERVICE_LABEL, type ServiceBalancer } from '../../model/service.ts';
import { eventually } from '../eventually.ts';
import { imageIdOf } from '../fakes/engine.ts';
import { fleetId } from '../fakes/fleet.ts';
import { digestOf, readRelease, releaseRef } from '../fakes/release.ts';
import { at, perform, run, startHarness, type Harness } from './harness.ts';

const OLD = 'registry.lab:5000/web@sha256:1';
const NEW = `registry.lab:5000/web:2.0@${digestOf('d')}`;
const name = parseServiceId('web');
const LABELS = { [SERVICE_LABEL]: 'web' };
const BALANCER: ServiceBalancer = { loadBalancer: 'edge', backend: 'web', server: '{host}-{container}' };
let harness: Harness | null = null;
afterEach(() => harness?.close());

type Found = Harness & { readonly input: FindMembersInput };

/** Two hosts with members web-2 and web-1 each, and a container of something else. */
function start(balancer: ServiceBalancer | null = null): Found {
  const started = (harness = startHarness(2));
  for (const host of started.hosts) {
    const engine = started.engines.get(host);
    engine?.run('web-2', OLD, LABELS);
    engine?.run('web-1', OLD, LABELS);
    engine?.run('db', 'postgres:16', { [SERVICE_LABEL]: 'db' });
    started.edge.add('web', `${host}-web-1`).add('web', `${host}-web-2`);
  }
  const service = { name, selector: LABELS, balancer };
  return { ...started, input: { ...run, service, mode: 'inPlace', reference: NEW, release: null, after: null } };
}

const member = (host: string, container: string, changes: object = {}): object => ({
  ...{
    host,
    container,
    id: expect.stringMatching(/^[0-9a-f]{64}$/) as string,
    running: true,
    image: OLD,
    imageId: imageIdOf(OLD),
    server: null,
  },
  ...changes,
});

const finding = (severity: 'error' | 'warning', host: string | null, what: RegExp): unknown =>
  expect.objectContaining({ severity, host, what: expect.stringMatching(what) as string });

describe('finding the members of a service', () => {
  it('they are the containers with its labels, by the fleet’s order and their names', async () => {
    const { activities, input } = start();

    expect(await perform(activities.findMembers, input)).toEqual({
      members: [
        member('host-1', 'web-1'),
        member('host-1', 'web-2'),
        member('host-2', 'web-1'),
        member('host-2', 'web-2'),
      ],
      ...{ total: 4, next: null, findings: [] },
    });
  });

  it('a host whose engine is away is named, and the others are found', async () => {
    const { activities, input, engine } = start();
    engine(1).down();

    const { members, findings } = await perform(activities.findMembers, input);

    expect(members).toHaveLength(2);
    expect(findings).toEqual([finding('error', 'host-2', /members of web can't be seen: .*no Docker Engine answers/)]);
  });

  it('a paused member is named with the way out; a stopped one is a member', async () => {
    const { activities, input, engine } = start();
    const [paused, stopped] = ['web-1', 'web-2'].map((container) => engine(0).containers.find(container));
    for (const container of [paused, stopped]) if (container != null) container.running = false;
    const inspect = engine(0).inspectContainer.bind(engine(0));
    engine(0).inspectContainer = async (container) => {
      const state = await inspect(container);
      return state?.name === 'web-1' ? { ...state, status: 'paused' } : state;
    };

    const { members, findings } = await perform(activities.findMembers, input);

    expect(members.slice(0, 2)).toEqual([
      member('host-1', 'web-1', { running: false }),
      member('host-1', 'web-2', { running: false }),
    ]);
    expect(findings).toEqual([finding('error', 'host-1', /^web-1 is paused/)]);
    expect(at(findings, 0).remedy).toContain('docker unpause web-1');
  });
});

describe('members in the middle of an upgrade', () => {
  it('what an upgrade keeps for a way back is no member', async () => {
    const { activities, input, engine } = start();
    engine(0).run('web-1.refit-kept-0123abcd', OLD, LABELS);

    const { members, findings } = await perform(activities.findMembers, input);

    expect([members.length, findings]).toEqual([4, []]);
  });

  const halves: readonly [left: string, names: readonly string[]][] = [
    ['created and not in place', ['web-3', 'web-3.refit-new']],
    ['between the two renames', ['web-3.refit-old-0123abcd', 'web-3.refit-new']],
    ['in place and not healthy yet', ['web-3.refit-old-0123abcd', 'web-3']],
  ];
  it.each(halves)('one that another upgrade left %s is one member, and a warning', async (_, names) => {
    const { activities, input, engine } = start();
    const work = { ...LABELS, 'dev.refit.upgrade': 'lab-0' };
    for (const [index, left] of names.entries()) engine(0).run(left, OLD, index === 1 ? work : LABELS);

    const { members, findings } = await perform(activities.findMembers, input);

    expect(members.filter(({ container }) => container === 'web-3')).toHaveLength(1);
    expect(findings).toEqual([finding('warning', 'host-1', /^web-3: an upgrade of it \(lab-0\) ended half-way/)]);
    expect(at(findings, 0).remedy).toContain('refit container rollback host-1 web-3');

    const own = await perform(activities.findMembers, { ...input, upgrade: parseUpgradeId('lab-0') });
    expect(own.findings).toEqual([]);
  });
});

describe('members behind a load balancer', () => {
  it('each has its server, as somebody set it and as the balancer sees it', async () => {
    const { activities, input, edge } = start(BALANCER);
    await edge.setState({ backend: 'web', server: 'host-1-web-2' }, 'drain');
    edge.change({ backend: 'web', server: 'host-2-web-1' }, { health: 'down' });
    edge.change({ backend: 'web', server: 'host-2-web-2' }, { health: 'unchecked' });

    const { members, findings } = await perform(activities.findMembers, input);

    expect(findings).toEqual([]);
    expect(members.map(({ server }) => server)).toEqual([
      { name: 'host-1-web-1', state: 'ready', healthy: true },
      { name: 'host-1-web-2', state: 'drain', healthy: true },
      { name: 'host-2-web-1', state: 'ready', healthy: false },
      { name: 'host-2-web-2', state: 'ready', healthy: true },
    ]);
  });

  it('one without a server is named, with the servers that there are', async () => {
    const { activities, input, engine } = start(BALANCER);
    engine(0).run('web-3', OLD, LABELS);

    const { findings } = await perform(activities.findMembers, input);

    expect(findings).toEqual([
      finding('error', 'host-1', /web-3 is to be server host-1-web-3 of backend web at edge, which has host-1-web-1,/),
    ]);
  });

  it('two that would be one server are named', async () => {
    const { activities, input, edge } = start({ ...BALANCER, server: '{host}' });
    edge.add('web', 'host-1').add('web', 'host-2');

    const { findings } = await perform(activities.findMembers, input);

    expect(findings).toEqual([
      finding('error', 'host-1', /^host-1\/web-2 and host-1\/web-1 are both to be server host-1$/),
      finding('error', 'host-2', /^host-2\/web-2 and host-2\/web-1 are both to be server host-2$/),
    ]);
  });

  it('a balancer that the fleet file does not have, a backend that it does not have, and one that is away are named', async () => {
    const { activities, input, edge } = start(BALANCER);
    const findings = async (balancer: ServiceBalancer): Promise<readonly unknown[]> =>
      (await perform(activities.findMembers, { ...input, service: { ...input.service, balancer } })).findings;

    expect(await findings({ ...BALANCER, loadBalancer: 'core' })).toEqual([
      finding('error', null, /the fleet file has no load balancer core/),
    ]);
    expect(await findings({ ...BALANCER, backend: 'none' })).toEqual([finding('error', null, /no backend none/)]);
    edge.down();
    expect(await findings(BALANCER)).toEqual([finding('error', null, /edge: does not answer/)]);
  });

  it('no member, no question', async () => {
    const { activities, input, edge } = start(BALANCER);
    edge.down();
    const nobody = { ...input.service, selector: { [SERVICE_LABEL]: 'nobody' } };

    expect(await perform(activities.findMembers, { ...input, service: nobody })).toEqual({
      ...{ members: [], total: 0, next: null, findings: [] },
    });
  });
});

describe('members that their agents upgrade', () => {
  const service: ServiceRelease = {
    ...{ name, image: `registry.lab:5000/web@${digestOf('d')}`, compatible: true, infrastructure: false },
    ...{ strategy: { strategy: 'inPlace' }, mode: 'agent', minAvailable: null, drainMs: 0, settings: {} },
    health: defaultServicePolicy.health,
  };

  /** Both agents live, on the release that names the service's image. */
  async function startAgents(): Promise<Found> {
    const started = start();
    started.registry.read = readRelease({ services: [service] });
    const { name: releaseName, version, digest } = releaseRef();
    for (const agent of started.agents) {
      agent.installed = { name: releaseName, version, digest };
      agent.start();
    }
    await eventually(async () => (await started.bus.list(busKeys(fleetId).hosts)).length === 2);
    return { ...started, input: { ...started.input, mode: 'agent', release: releaseRef() } };
  }

  it('nothing speaks against it when all are on the release that names the image', async () => {
    const { activities, input } = await startAgents();

    const { members, findings } = await perform(activities.findMembers, input);

    expect([members.length, findings]).toEqual([4, []]);
  });

  it('a host without an agent, and one on another release, are named', async () => {
    const { activities, input, agent, store } = await startAgents();
    agent(0).kill();
    agent(1).installed = { name: 'sample', version: '1.0.0', digest: digestOf('e') };
    const alive = busKeys(fleetId).alive(agent(0).host);
    await eventually(() => store.json(alive) === null);
    await eventually(() => JSON.stringify(store.json(busKeys(fleetId).alive(agent(1).host))).includes('1.0.0'));

    const { findings } = await perform(activities.findMembers, input);

    expect(findings).toEqual([
      finding('error', 'host-1', /no agent shows life/),
      finding('error', 'host-2', /is on sample 1.0.0, not on sample 2.0.0/),
    ]);
  });

  it('a release that names another image, or not the service, or is none, is named', async () => {
    const { activities, input, registry, another } = await startAgents();
    const other = `registry.lab:5000/web@${digestOf('f')}`;

    expect((await perform(activities.findMembers, { ...input, reference: other })).findings).toEqual([
      finding('error', null, /sample 2.0.0 names .*web@sha256:d+ for web, not .*web@sha256:f+/),
    ]);
    expect((await perform(activities.findMembers, { ...input, release: null })).findings).toEqual([
      finding('error', null, /none is named/),
    ]);
    registry.read = readRelease();
    expect((await perform(another().findMembers, input)).findings).toEqual([
      finding('error', null, /sample 2.0.0 has no service web/),
    ]);
  });

  it('a registry that is away is asked again; one that does not have the release is named', async () => {
    const { activities, input, registry } = await startAgents();
    let kind: RegistryError['kind'] = 'unreachable';
    Object.defineProperty(registry, 'read', {
      get: () => {
        throw new RegistryError(kind, 'registry.lab:5000 says no');
      },
    });

    await expect(perform(activities.findMembers, input)).rejects.toBeInstanceOf(RegistryError);
    kind = 'notFound';

    expect((await perform(activities.findMembers, input)).findings).toEqual([finding('error', null, /says no/)]);
  });
});
