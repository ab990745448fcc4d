import { describe, expect, it } from 'vitest';
import { checkHosts } from '../../lab/plan.ts';
import { plannedLab } from './a-lab.ts';

const members = (lab: Awaited<ReturnType<typeof plannedLab>>): readonly string[] =>
  lab.hosts.filter(({ ports }) => ports.etcd !== null).map(({ name }) => name);

describe('the plan of a lab', () => {
  it('has four hosts when nothing is said, three of them with etcd', async () => {
    const lab = await plannedLab(undefined);

    expect(lab.hosts.map(({ name }) => name)).toEqual(['host-1', 'host-2', 'host-3', 'host-4']);
    expect(members(lab)).toEqual(['host-1', 'host-2', 'host-3']);
  });

  it('has one etcd member where three would not fit', async () => {
    expect(members(await plannedLab(2))).toEqual(['host-1']);
    expect(members(await plannedLab(3))).toEqual(['host-1', 'host-2', 'host-3']);
  });

  it('gives every part an address and ports of its own', async () => {
    const lab = await plannedLab(12);
    const addresses = [lab.registry.address, lab.balancer?.address, ...lab.hosts.map(({ address }) => address)];
    const ports = [
      lab.registry.port,
      lab.balancer?.webPort,
      lab.balancer?.runtimePort,
      lab.balancer?.shop?.webPort,
      lab.balancer?.shop?.apiPort,
      lab.temporal.port,
      lab.temporal.uiPort,
      lab.api?.port,
      ...lab.hosts.flatMap((host) => [
        host.ports.engine,
        host.ports.http,
        ...(host.ports.etcd === null ? [] : [host.ports.etcd]),
      ]),
    ];

    expect(new Set(addresses).size).toBe(addresses.length);
    expect(new Set(ports).size).toBe(ports.length);
  });

  it('is what there is, when nothing more is asked for', async () => {
    const lab = await plannedLab(2);

    expect(await plannedLab(undefined, lab)).toEqual(lab);
    expect(await plannedLab(2, lab)).toEqual(lab);
  });

  it('gets a load balancer where it had none, and keeps the one it has', async () => {
    const lab = await plannedLab(2);

    const grown = await plannedLab(3, { ...lab, balancer: null });

    expect(grown.balancer?.address).toBe(lab.balancer?.address);
    expect((await plannedLab(3, lab)).balancer).toEqual(lab.balancer);
  });

  it('gets ports of the unit where its load balancer had none, and keeps all others', async () => {
    const { balancer, ...lab } = await plannedLab(2);
    const before = balancer === null ? null : { ...balancer, shop: null };

    const now = await plannedLab(undefined, { ...lab, balancer: before });

    expect(now.balancer).toMatchObject({ webPort: balancer?.webPort, runtimePort: balancer?.runtimePort });
    expect(now.balancer?.shop).not.toBeNull();
  });

  it('gets a port of the API where it had none, and keeps the one it has', async () => {
    const lab = await plannedLab(2);

    expect((await plannedLab(undefined, { ...lab, api: null })).api).not.toBeNull();
    expect((await plannedLab(3, lab)).api).toEqual(lab.api);
  });

  it('gives nothing new a port that the lab has, though nobody listens there while it does not run', async () => {
    const { balancer, ...lab } = await plannedLab(2);
    const before = balancer === null ? null : { ...balancer, shop: null };

    const { balancer: now, hosts } = await plannedLab(3, { ...lab, balancer: before });

    const ports = [now?.webPort, now?.runtimePort, now?.shop?.webPort, now?.shop?.apiPort];
    const all = [lab.registry.port, ...ports, ...hosts.flatMap((host) => [host.ports.engine, host.ports.http])];
    expect(new Set(all).size).toBe(all.length);
  });

  it('grows behind the hosts there are, and leaves etcd as it is', async () => {
    const small = await plannedLab(2);

    const grown = await plannedLab(5, small);

    expect(grown.hosts.slice(0, 2)).toEqual(small.hosts);
    expect(grown.hosts).toHaveLength(5);
    expect(members(grown)).toEqual(['host-1']);
  });
});

describe('the number of hosts asked for', () => {
  it('may be as it is, or more', () => {
    expect(checkHosts('lab', undefined, 4)).toBeUndefined();
    expect(checkHosts('lab', 4, 4)).toBeUndefined();
    expect(checkHosts('lab', 8, 4)).toBeUndefined();
  });

  it('may not be less, and the refusal says what to do', () => {
    expect(checkHosts('lab', 2, 4)).toMatch(/lab lab has 4 hosts and can't shrink to 2.*refit lab down/);
  });

  it('is at least one and fits the subnet', () => {
    for (const wanted of [0, -1, 1.5, Number.NaN, 246]) expect(checkHosts('lab', wanted, 0)).toMatch(/1 to 245 hosts/);
    expect(checkHosts('lab', 245, 0)).toBeUndefined();
  });
});
