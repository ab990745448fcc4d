import { afterEach, describe, expect, it } from 'vitest';
import type { SteerMemberInput } from '../../activities/member-activities.ts';
import { failureTypes } from '../../model/failures.ts';
import { LoadBalancerError } from '../../model/load-balancer.ts';
import type { MemberHeartbeat } from '../../model/member-heartbeat.ts';
import { eventually } from '../eventually.ts';
import { at, fastClock, newEnvironment, perform, run, startHarness, type Harness } from './harness.ts';

const SERVER = { backend: 'web', server: 'host-1-web-1' };
let harness: Harness | null = null;
afterEach(() => harness?.close());

type Steering = Harness & { readonly input: (to: SteerMemberInput['to'], waitMs?: number) => SteerMemberInput };

function start(): Steering {
  const started = (harness = startHarness(1, undefined, fastClock(20)));
  started.edge.add('web', 'host-1-web-1').add('web', 'host-1-web-2');
  const member = { ...run, host: at(started.hosts, 0), container: 'web-1', loadBalancer: 'edge', ...SERVER };
  return { ...started, input: (to, waitMs = 600_000) => ({ ...member, to, waitMs }) };
}

describe('steering a member at its load balancer', () => {
  it('a drain waits until the member has nothing to do, and tells how much is left', async () => {
    const { activities, input, edge } = start();
    edge.change(SERVER, { sessions: 2 });
    const beats: MemberHeartbeat[] = [];
    const drained = perform(activities.steerMember, input('drain'), { beats });
    await eventually(() => beats.some(({ sessions }) => sessions === 2));

    edge.change(SERVER, { sessions: 0 });

    expect(await drained).toEqual({ sessions: 0, healthy: true });
    expect(edge.told).toEqual(['web/host-1-web-1 drain']);
    expect(at(beats, 0)).toMatchObject({ host: 'host-1', container: 'web-1', stage: 'draining' });
  });

  it('a drain looks twice: a request may be on its way when the state changes', async () => {
    const { activities, input, edge } = start();
    const servers = edge.servers.bind(edge);
    let looks = 0;
    edge.servers = async (backend) => {
      looks += 1;
      if (looks === 2) edge.change(SERVER, { sessions: 1 });
      if (looks === 5) edge.change(SERVER, { sessions: 0 });
      return servers(backend);
    };

    expect(await perform(activities.steerMember, input('drain'))).toEqual({ sessions: 0, healthy: true });
    expect(looks).toBe(6);
  });

  it('a drain ends with what is left when its time is over', async () => {
    const { activities, input, edge } = start();
    edge.change(SERVER, { sessions: 3 });

    expect(await perform(activities.steerMember, input('drain', 1_000))).toEqual({ sessions: 3, healthy: true });
  });

  it('the time of a drain goes on from one attempt to the next, once the balancer obeyed', async () => {
    const { activities, input, edge } = start();
    edge.change(SERVER, { sessions: 3 });
    const before = newEnvironment({ attempt: 2, heartbeatDetails: { since: Date.now() - 3_600_000 } });
    const notYet = newEnvironment({ attempt: 2, heartbeatDetails: { since: null } });

    expect(await perform(activities.steerMember, input('drain'), { env: before })).toMatchObject({ sessions: 3 });
    const waits = perform(activities.steerMember, input('drain'), { env: notYet });
    await eventually(() => edge.told.length === 2);
    edge.change(SERVER, { sessions: 0 });

    expect(await waits).toMatchObject({ sessions: 0 });
  });

  it.each(['up', 'unchecked'] as const)('ready waits until the balancer sees it %s', async (health) => {
    const { activities, input, edge } = start();
    edge.change(SERVER, { health: 'down' });
    const admitted = perform(activities.steerMember, input('ready'));
    await eventually(() => edge.told.length === 1);

    edge.change(SERVER, { health });

    expect(await admitted).toEqual({ sessions: 0, healthy: true });
  });

  it('a member that the balancer does not find healthy in time is said to be so', async () => {
    const { activities, input, edge } = start();
    edge.change(SERVER, { health: 'down' });

    expect(await perform(activities.steerMember, input('ready', 1_000))).toEqual({ sessions: 0, healthy: false });
  });

  it('maintenance waits for nothing', async () => {
    const { activities, input, edge } = start();
    edge.change(SERVER, { sessions: 3 });

    expect(await perform(activities.steerMember, input('maintenance'))).toMatchObject({ sessions: 3 });
  });

  it('a balancer that is away is asked again', async () => {
    const { activities, input, edge } = start();
    edge.down();

    await expect(perform(activities.steerMember, input('drain'))).rejects.toBeInstanceOf(LoadBalancerError);
  });

  it('a server that is not there is wrong input', async () => {
    const { activities, input } = start();

    await expect(perform(activities.steerMember, { ...input('drain'), server: 'nobody' })).rejects.toMatchObject({
      ...{ type: failureTypes.wrongInput, nonRetryable: true },
      message: expect.stringContaining('backend web has no server nobody') as string,
    });
  });

  it('a cancellation ends the wait, and leaves the server as it was set', async () => {
    const { activities, input, edge } = start();
    edge.change(SERVER, { sessions: 1 });
    const env = newEnvironment();
    const drained = perform(activities.steerMember, input('drain'), { env });
    await eventually(() => edge.told.length === 1);

    env.cancel('CANCELLED');

    await expect(drained).rejects.toMatchObject({ name: 'CancelledFailure' });
    expect((await edge.servers('web')).at(0)).toMatchObject({ state: 'drain' });
  });
});
