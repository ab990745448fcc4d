import { notYet, ready, waitFor } from './deadline.ts';
import { join } from 'node:path';
import { rightsStanding } from '../client/bus-rights.ts';
import { createAuthority } from '../drivers/etcd/authority.ts';
import { parseFleetId, parseHostId } from '../model/ids.ts';
import { etcdIdentities, etcdTls, readIdentity } from './etcd-identities.ts';
import { get, getSecurely } from './http.ts';
import type { LabPaths } from './paths.ts';
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

export async function waitForEtcd(state: LabState, paths: Pick<LabPaths, 'folder'>): Promise<void> {
  await waitFor({ what: 'etcd to be healthy on all its members', deadlineMs: START_DEADLINE_MS }, async () => {
    const members = await etcdHealth(state, paths);
    const ill = members.filter(({ healthy }) => !healthy).map(({ name }) => name);
    return ill.length === 0 ? ready(true) : notYet(`not healthy on ${ill.join(', ')}`);
  });
}

/** As `refit bus grant --enforce --prune` does. */
export async function grantRights({ tlsFolder }: LabPaths, state: LabState): Promise<void> {
  const endpoints = etcdMembers(state).map(({ port }) => `https://127.0.0.1:${port}`);
  const authority = createAuthority({ endpoints, tls: etcdTls(tlsFolder, etcdIdentities.root) });
  const hosts = state.hosts.map(({ name }) => parseHostId(name));
  try {
    const { changes, removals, isEnforced } = await rightsStanding(authority, parseFleetId(state.lab), hosts);
    for (const change of [...changes, ...removals]) await authority.apply(change);
    if (!isEnforced) await authority.enforce();
  } finally {
    authority.close();
  }
}

export async function etcdHealth(
  state: LabState,
  paths: Pick<LabPaths, 'folder'>,
): Promise<readonly { readonly name: string; readonly healthy: boolean }[]> {
  return Promise.all(
    etcdMembers(state).map(async ({ host, port }) => ({
      name: host.name,
      healthy: await isHealthy(state, port, paths),
    })),
  );
}

async function isHealthy({ secure }: LabState, port: number, { folder }: Pick<LabPaths, 'folder'>): Promise<boolean> {
  const ask = secure
    ? async () =>
        getSecurely(`https://127.0.0.1:${port}/health`, await readIdentity(join(folder, 'tls'), etcdIdentities.fleet))
    : () => get(`http://127.0.0.1:${port}/health`);
  return ask().then(
    ({ body }) => /"health":\s*"true"/.test(body),
    () => false,
  );
}
