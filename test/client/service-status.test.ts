import { describe, expect, it } from 'vitest';
import { serviceStatusText } from '../../client/cli/service-status.ts';
import { membersAmong, type SeenMember } from '../../client/service-members.ts';
import { memberStatus, type MemberStatus } from '../../client/service-status.ts';
import { busKeys, type MemberLevel } from '../../model/bus.ts';
import type { ContainerSummary } from '../../model/engine.ts';
import { parseFleetId, parseHostId, parseServiceId, parseUpgradeId } from '../../model/ids.ts';
import type { BalancedServer } from '../../model/load-balancer.ts';
import { asideName, freshName, keptName } from '../../model/replacement.ts';
import type { Service } from '../../model/service.ts';
import { makeService } from './members.ts';
import { BEGAN } from './progress.ts';

const fleet = parseFleetId('lab');
const host = parseHostId('host-1');
const ID = 'a'.repeat(64);

const service: Service = {
  name: parseServiceId('web'),
  selector: { 'dev.refit.service': 'web' },
  balancer: { loadBalancer: 'edge', backend: 'web', server: '{host}-{container}' },
};

const seen: SeenMember = { host, container: 'web-1', running: true, image: 'web:1', imageId: ID };

function summary(name: string, changes: Partial<ContainerSummary> = {}): ContainerSummary {
  return { id: ID, name, image: 'web:1', imageId: ID, running: true, labels: {}, ...changes };
}

function server(changes: Partial<BalancedServer> = {}): BalancedServer {
  const address = '10.0.0.1:80';
  return { name: 'host-1-web-1', state: 'ready', health: 'up', weight: 1, sessions: 0, address, ...changes };
}

function level(state: MemberLevel['state']): MemberLevel {
  return { v: 1, upgrade: parseUpgradeId('web-1'), state, image: 'web:2', since: BEGAN };
}

describe('the members among a host’s containers', () => {
  it('are in order of their names, without what is only kept for a way back', () => {
    const containers = [summary('web-2'), summary(keptName('web-1', ID), { running: false }), summary('web-1')];

    expect(membersAmong(host, containers).map(({ container }) => container)).toEqual(['web-1', 'web-2']);
    expect(membersAmong(host, [summary(keptName('web-3', ID), { running: false })])).toEqual([]);
  });

  it('are there while they are replaced, as the container that runs', () => {
    const old = summary(asideName('web-1', ID), { running: false });
    const fresh = summary(freshName('web-1'), { image: 'web:2' });

    expect(membersAmong(host, [old, fresh])).toEqual([{ ...seen, image: 'web:2' }]);
    expect(membersAmong(host, [summary('web-1'), { ...fresh, running: false }])).toEqual([seen]);
    expect(membersAmong(host, [old])).toEqual([{ ...seen, running: false }]);
  });
});

describe('the status of a member', () => {
  const view = { member: seen, levels: new Map(), servers: new Map([['host-1-web-1', server()]]) };

  it('is Active unless the bus says otherwise', () => {
    const key = busKeys(fleet).member(service.name, seen);
    const levels = new Map([[key, level('Updating')]]);

    expect(memberStatus({ fleet }, service, view).state).toBe('Active');
    expect(memberStatus({ fleet }, service, { ...view, levels }).state).toBe('Updating');
  });

  it('has the server that its load balancer knows it by', () => {
    const sick = new Map([['host-1-web-1', server({ state: 'drain', health: 'down' })]]);

    expect(memberStatus({ fleet }, service, view).server).toEqual({
      name: 'host-1-web-1',
      state: 'ready',
      healthy: true,
    });
    expect(memberStatus({ fleet }, service, { ...view, servers: sick }).server).toMatchObject({
      state: 'drain',
      healthy: false,
    });
    expect(memberStatus({ fleet }, { ...service, balancer: null }, view).server).toBeNull();
  });
});

describe('a service for people', () => {
  const member: MemberStatus = { ...seen, state: 'Active', server: null };

  it('is a table of its members, and the upgrade at work', () => {
    const behind = { ...member, server: { name: 'host-1-web-1', state: 'drain', healthy: false } as const };
    const members: readonly MemberStatus[] = [behind, { ...member, container: 'web-2', running: false }];
    const text = serviceStatusText({ service, members, problems: [] }, makeService({ members: [] }), BEGAN);

    expect(text.split('\n')).toEqual([
      'HOST    MEMBER  STATE            IMAGE  SERVER',
      'host-1  web-1   Active  running  web:1  host-1-web-1 drain, not healthy',
      'host-1  web-2   Active  stopped  web:1  –',
      'upgrade web-1: service web to registry.lab:5000/web:2 on fleet lab   running   0 ms',
    ]);
  });

  it('has one line of an upgrade that is over', () => {
    const over = makeService({ state: 'succeeded', finishedAt: BEGAN + 1_000 });

    expect(serviceStatusText({ service, members: [member], problems: [] }, over, BEGAN).split('\n')).toHaveLength(3);
  });

  it('says by which label its members are looked for when there are none', () => {
    expect(serviceStatusText({ service, members: [], problems: [] }, null, BEGAN)).toBe(
      'service web has no member: no container is labelled dev.refit.service=web',
    );
  });
});
