import { readId } from '../answers.ts';
import type { EngineRequest } from '../connection.ts';
import type { RestartSetting } from '../../../model/replacement.ts';
import type { ContainerLook } from './look.ts';
import type { Site } from './site.ts';
import type { EndpointSettings } from './wanted.ts';

/** Longest that a change takes; ms. A slow disk takes seconds for a large image's first container. */
const CHANGE_MS = 60_000;
/** What the engine gives a container to end by itself, unless it says otherwise; s. */
const STOP_S = 10;
/** What the engine gets beyond the time that a container has to end; ms. */
const STOP_MARGIN_MS = 15_000;
/** Longest that a container is waited for which wants to be waited for without end; ms. */
const MAX_STOP_MS = 600_000;

// Every change names a container by id: one that comes late can't hit another of the same name.

export async function create(
  site: Site,
  { name, body }: { readonly name: string; readonly body: Readonly<Record<string, unknown>> },
): Promise<string> {
  const request = {
    what: `create ${name}`,
    method: 'POST',
    path: '/containers/create',
    query: { name },
    body,
  } as const;
  return readId(await ask(site, request));
}

export const connect = (site: Site, id: string, to: readonly [network: string, EndpointSettings]): Promise<unknown> =>
  ask(site, {
    what: `connect ${site.container} to network ${to[0]}`,
    method: 'POST',
    path: `/networks/${encodeURIComponent(to[0])}/connect`,
    body: { Container: id, EndpointConfig: to[1] },
  });

export const disconnect = (site: Site, id: string, network: string): Promise<unknown> =>
  ask(site, {
    what: `disconnect ${site.container} from network ${network}`,
    method: 'POST',
    path: `/networks/${encodeURIComponent(network)}/disconnect`,
    body: { Container: id },
  });

export const rename = (site: Site, id: string, name: string): Promise<unknown> =>
  ask(site, { what: `rename to ${name}`, method: 'POST', path: `/containers/${id}/rename`, query: { name } });

/** With the container's own signal and time, since the engine knows both. */
export function stop(site: Site, { id, stopTimeoutS }: Pick<ContainerLook, 'id' | 'stopTimeoutS'>): Promise<unknown> {
  const graceMs = stopTimeoutS !== null && stopTimeoutS < 0 ? MAX_STOP_MS : (stopTimeoutS ?? STOP_S) * 1_000;
  const withinMs = Math.min(graceMs, MAX_STOP_MS) + STOP_MARGIN_MS;
  return ask(site, { what: `stop ${site.container}`, method: 'POST', path: `/containers/${id}/stop`, withinMs });
}

export const setRestart = (site: Site, id: string, { policy, retries }: RestartSetting): Promise<unknown> =>
  ask(site, {
    what: `set the restart policy of ${site.container} to ${policy}`,
    method: 'POST',
    path: `/containers/${id}/update`,
    body: { RestartPolicy: { Name: policy, MaximumRetryCount: retries } },
  });

export const start = (site: Site, id: string): Promise<unknown> =>
  ask(site, { what: `start ${site.container}`, method: 'POST', path: `/containers/${id}/start` });

/** Never forced: one that runs, for whatever reason, is refused by the engine. */
export const remove = (site: Site, id: string, { volumes }: { readonly volumes: boolean }): Promise<unknown> =>
  ask(site, {
    what: `remove ${site.container} (${id.slice(0, 12)})`,
    method: 'DELETE',
    path: `/containers/${id}`,
    query: { force: 'false', v: String(volumes) },
  });

type Asked = Omit<EngineRequest, 'withinMs' | 'signal'> & { readonly withinMs?: number };

const ask = ({ connection, signal }: Site, asked: Asked): Promise<unknown> =>
  connection.ask({ withinMs: CHANGE_MS, ...asked, signal });
