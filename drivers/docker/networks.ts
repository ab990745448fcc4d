import { z } from 'zod';
import { EngineError, type NetworkConnection, type NetworkSpec } from '../../model/engine.ts';
import { unitLabels } from '../../model/unit.ts';
import { readId } from './answers.ts';
import type { EngineConnection } from './connection.ts';
import { readInspect, type InspectedEndpoint } from './replacement/inspected.ts';
import { lookAt, type ContainerLook } from './replacement/look.ts';
import { shortId } from './replacement/networks.ts';
import { ASK_MS } from './replacement/site.ts';
import { isRefusal } from './replacement/way-back.ts';

/** Longest that a change of a network takes; ms. A busy engine takes seconds for a bridge and its rules. */
const CHANGE_MS = 30_000;
/** How often a network that other attempts make at the same time is looked at again. */
const MAX_LOOKS = 5;

export type Asked = { readonly connection: EngineConnection; readonly signal: AbortSignal | undefined };

type Network = z.output<typeof network>;
const network = z.object({
  Id: z.string(),
  Name: z.string(),
  Created: z.string(),
  Driver: z.string(),
  Labels: z
    .record(z.string(), z.string())
    .nullish()
    .transform((found) => found ?? {}),
});

/**
 * The network is there once.
 *
 * 1. An engine lets two networks have one name, when both are made at the same moment. So what was made is looked at again.
 * 2. Of several the oldest stays: every attempt comes to the same choice, and what is connected already is in that one.
 * 3. Of another driver, or without the labels, it is somebody else's and left alone.
 */
export async function ensureNetwork(asked: Asked, spec: NetworkSpec): Promise<void> {
  const what = `make network ${spec.name}`;
  for (let looks = 0; looks < MAX_LOOKS; looks += 1) {
    const found = await findNetworks(asked, spec.name);
    if (found.some((one) => !isAsWanted(one, spec))) throw asked.connection.error('conflict', FOREIGN, what);
    const [kept, ...others] = found;
    if (kept !== undefined && others.length === 0) return;
    if (kept === undefined) await create(asked, spec);
    for (const other of others) await removeOne(asked, other);
  }
  throw asked.connection.error('conflict', `others made and removed it ${MAX_LOOKS} times; try again`, what);
}

/** What an earlier attempt left is settled here too: one that does not run yet gets the aliases that are wanted now. */
export async function connectNetwork(asked: Asked, wanted: NetworkConnection): Promise<void> {
  const { container, aliases } = wanted;
  const what = `connect ${container} to network ${wanted.network}`;
  const [joined] = await findNetworks(asked, wanted.network);
  if (joined === undefined) throw asked.connection.error('notFound', 'there is no network of that name', what);
  const look = await lookAt({ ...asked, container }, container);
  if (look === null) throw asked.connection.error('notFound', 'there is no container of that name', what);
  const endpoint = endpointOf(look, wanted.network);
  if (endpoint !== null) {
    // Taking one that runs off its network would cut what it is at work on.
    if (look.running || isSameEndpoint(endpoint, { look, joined, aliases })) return;
    await leave(asked, look, wanted.network);
  }
  const body = { Container: look.id, EndpointConfig: { Aliases: [...aliases] } };
  const isConnected = async (): Promise<boolean> =>
    (await lookAt({ ...asked, container }, look.id))?.networks.includes(wanted.network) === true;
  await orUnless(
    asked.connection.ask({ what, ...change(joined.Id, 'connect'), body, signal: asked.signal }),
    isConnected,
  );
}

export async function disconnectNetwork(
  asked: Asked,
  { network: name, container }: Omit<NetworkConnection, 'aliases'>,
): Promise<void> {
  const look = await lookAt({ ...asked, container }, container);
  if (look?.networks.includes(name) === true) await leave(asked, look, name);
}

export async function removeNetwork(asked: Asked, name: string): Promise<void> {
  for (const found of await findNetworks(asked, name)) {
    if (found.Labels[unitLabels.unit] === undefined)
      throw asked.connection.error('conflict', FOREIGN, `remove network ${name}`);
    await removeOne(asked, found);
  }
}

const FOREIGN = 'a network of that name is somebody else’s; remove or rename it, or name the unit differently';

/** The oldest first. */
async function findNetworks({ connection, signal }: Asked, name: string): Promise<readonly Network[]> {
  // The filter also finds names that the name is a part of.
  const query = { filters: JSON.stringify({ name: [name] }) };
  const request = { what: `find network ${name}`, method: 'GET', path: '/networks', query } as const;
  const found = z.array(network).parse(await connection.ask({ ...request, withinMs: ASK_MS, signal }));
  return found.filter((one) => one.Name === name).sort(byAge);
}

const byAge = (a: Network, b: Network): number =>
  Date.parse(a.Created) - Date.parse(b.Created) || (a.Id < b.Id ? -1 : 1);

const isAsWanted = ({ Driver: driver, Labels: found }: Network, { labels }: NetworkSpec): boolean =>
  driver === 'bridge' && Object.entries(labels).every(([name, value]) => found[name] === value);

async function create({ connection, signal }: Asked, { name, labels }: NetworkSpec): Promise<void> {
  const request = { what: `make network ${name}`, method: 'POST', path: '/networks/create' } as const;
  const body = { Name: name, CheckDuplicate: true, Driver: 'bridge', Labels: { ...labels } };
  try {
    readId(await connection.ask({ ...request, body, withinMs: CHANGE_MS, signal }));
  } catch (error) {
    // Another attempt was faster: the next look says what it made.
    if (!(error instanceof EngineError) || error.kind !== 'conflict') throw error;
  }
}

async function removeOne(asked: Asked, { Id: id, Name: name }: Network): Promise<void> {
  const { connection, signal } = asked;
  const what = `remove network ${name}`;
  try {
    await connection.ask({ what, method: 'DELETE', path: `/networks/${id}`, withinMs: CHANGE_MS, signal });
  } catch (error) {
    if (!isRefusal(error)) throw error;
    if (error.kind === 'notFound') return;
    const users = await usersOf(asked, id);
    if (users.length === 0) throw error;
    throw connection.error(
      'conflict',
      `${users.join(', ')} ${users.length === 1 ? 'is' : 'are'} connected to it`,
      what,
    );
  }
}

/** Names of the containers that run in it. */
async function usersOf({ connection, signal }: Asked, id: string): Promise<readonly string[]> {
  const request = { what: `inspect network ${id}`, method: 'GET', path: `/networks/${id}` } as const;
  const inspected = z.object({ Containers: z.record(z.string(), z.object({ Name: z.string() })).nullish() });
  const { Containers: users } = inspected.parse(await connection.ask({ ...request, withinMs: ASK_MS, signal }));
  return Object.values(users ?? {}).map(({ Name: name }) => name);
}

async function leave(asked: Asked, look: ContainerLook, name: string): Promise<void> {
  // By name an engine finds none of two. One that does not run shows the id that its network had at its last start.
  const id = look.running ? endpointOf(look, name)?.NetworkID : (await findNetworks(asked, name))[0]?.Id;
  const what = `disconnect ${look.name} from network ${name}`;
  const request = { what, ...change(id ?? name, 'disconnect'), body: { Container: look.id }, signal: asked.signal };
  const hasLeft = async (): Promise<boolean> =>
    (await lookAt({ ...asked, container: look.name }, look.id))?.networks.includes(name) !== true;
  await orUnless(asked.connection.ask(request), hasLeft);
}

/** Engines say in many words that it is so already: what they show afterwards is clearer. */
async function orUnless(request: Promise<unknown>, isDone: () => Promise<boolean>): Promise<void> {
  try {
    await request;
  } catch (error) {
    if (!isRefusal(error) || !(await isDone())) throw error;
  }
}

function endpointOf(look: ContainerLook, name: string): InspectedEndpoint | null {
  return readInspect(look.raw).NetworkSettings.Networks[name] ?? null;
}

type Wanted = { readonly look: ContainerLook; readonly joined: Network; readonly aliases: readonly string[] };

function isSameEndpoint({ Aliases, NetworkID: id }: InspectedEndpoint, { look, joined, aliases }: Wanted): boolean {
  const found = Aliases.filter((alias) => alias !== shortId(look.id));
  const isSame = found.length === aliases.length && aliases.every((alias) => found.includes(alias));
  // Empty: it was never started. Another one: its network was removed and made anew since.
  return isSame && (id === '' || id === joined.Id);
}

const change = (id: string, action: 'connect' | 'disconnect') =>
  ({ method: 'POST', path: `/networks/${encodeURIComponent(id)}/${action}`, withinMs: CHANGE_MS }) as const;
