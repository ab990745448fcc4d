import { connect } from 'node:net';
import type { Probe } from '../model/release.ts';

/** Longest look; ms. What swallows one request while it starts may answer the next. */
const LOOK_MS = 5_000;
/** Most of an answer that is read for `contains`; characters. */
const MAX_BODY = 1024 ** 2;

type HttpProbe = Extract<Probe, { readonly type: 'http' }>;
type TcpProbe = Extract<Probe, { readonly type: 'tcp' }>;

/** Asks once, over the network. null: it holds; else what does not. */
export async function lookOver(probe: HttpProbe | TcpProbe, signal?: AbortSignal): Promise<string | null> {
  const late = AbortSignal.timeout(LOOK_MS);
  const limited = signal === undefined ? late : AbortSignal.any([signal, late]);
  try {
    if (probe.type === 'http') return await lookHttp(probe, limited);
    await connectOnce(probe, limited);
    return null;
  } catch (error) {
    return `${nameOf(probe)}: ${reasonOf(error)}`;
  }
}

async function lookHttp(probe: HttpProbe, signal: AbortSignal): Promise<string | null> {
  // One connection a look: a pooled one may lead to a process that is gone.
  const response = await fetch(probe.url, { signal, redirect: 'manual', headers: { connection: 'close' } });
  if (response.status !== probe.status) {
    await response.body?.cancel();
    return `${nameOf(probe)} answered ${response.status}, expected ${probe.status}`;
  }
  if (probe.contains === null) {
    await response.body?.cancel();
    return null;
  }
  const body = (await response.text()).slice(0, MAX_BODY);
  return body.includes(probe.contains) ? null : `${nameOf(probe)} answered without "${probe.contains}"`;
}

function connectOnce({ host, port }: TcpProbe, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, signal });
    socket.once('connect', () => {
      socket.destroy();
      resolve();
    });
    socket.once('error', reject);
  });
}

const nameOf = (probe: HttpProbe | TcpProbe): string =>
  probe.type === 'http' ? probe.url : `tcp ${probe.host}:${probe.port}`;

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  // fetch says "fetch failed" and keeps the reason below.
  return error instanceof TypeError && error.cause instanceof Error ? error.cause.message : error.message;
}
