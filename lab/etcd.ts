import { notYet, ready, waitFor } from './deadline.ts';
import { get } from './http.ts';
import type { LabHost, LabState } from './state.ts';

/** Members find each other within a second once their hosts are up. */
const START_DEADLINE_MS = 60_000;

/** How many members a lab has: the smallest number that survives the loss of one, where there are hosts for it. */
const MEMBERS = 3;

export const memberCount = (hosts: number): number => (hosts < MEMBERS ? 1 : MEMBERS);

export type Member = { readonly host: LabHost; readonly port: number };

export function etcdMembers(state: LabState): readonly Member[] {
  return state.hosts.flatMap((host) => (host.ports.etcd === null ? [] : [{ host, port: host.ports.etcd }]));
}

export async function waitForEtcd(state: LabState): Promise<void> {
  await waitFor({ what: 'etcd to be healthy on all its members', deadlineMs: START_DEADLINE_MS }, async () => {
    const members = await etcdHealth(state);
    const ill = members.filter(({ healthy }) => !healthy).map(({ name }) => name);
    return ill.length === 0 ? ready(true) : notYet(`not healthy on ${ill.join(', ')}`);
  });
}

export async function etcdHealth(
  state: LabState,
): Promise<readonly { readonly name: string; readonly healthy: boolean }[]> {
  return Promise.all(
    etcdMembers(state).map(async ({ host, port }) => ({ name: host.name, healthy: await isHealthy(port) })),
  );
}

async function isHealthy(port: number): Promise<boolean> {
  return get(`http://127.0.0.1:${port}/health`).then(
    ({ body }) => /"health":\s*"true"/.test(body),
    () => false,
  );
}
