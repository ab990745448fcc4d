import type { EngineConnection } from '../../../drivers/docker/connection.ts';
import { readImageConfig, readInspect } from '../../../drivers/docker/replacement/inspected.ts';
import { wantedFrom, type Wanted } from '../../../drivers/docker/replacement/wanted.ts';
import type { ContainerSettings } from '../../../model/replacement.ts';
import { get, networkNames, post } from './images.ts';

export type Wish = { readonly name: string; readonly image: string; readonly settings?: ContainerSettings };

/** What the container that is there would be replaced by. */
export async function wantedOf(connection: EngineConnection, { name, image, settings = {} }: Wish): Promise<Wanted> {
  const inspect = readInspect(await get(connection, `/containers/${name}/json`));
  const old = { inspect, image: readImageConfig(await get(connection, `/images/${inspect.Image}/json`)) };
  const config = readImageConfig(await get(connection, `/images/${image}/json`));
  const outcome = wantedFrom({ name, image: { reference: image, config }, old, base: 'kept', settings });
  if (!outcome.ok) throw new Error(outcome.reason);
  return outcome.wanted;
}

/** The calls that make the old container's name the wanted one's, without what makes them survive a crash. */
export async function replaceByHand(connection: EngineConnection, wish: Wish): Promise<Wanted> {
  const { name } = wish;
  const wanted = await wantedOf(connection, wish);
  await post(connection, `/containers/${name}/stop`);
  const { Id: id } = readInspect(await get(connection, `/containers/${name}/json`));
  await post(connection, `/containers/${name}/rename`, { query: { name: `${name}-old-${id}` } });
  await post(connection, '/containers/create', { body: wanted.body, query: { name } });
  await wire(connection, name, wanted);
  await post(connection, `/containers/${name}/start`);
  const { policy, retries } = wanted.restart;
  const body = { RestartPolicy: { Name: policy, MaximumRetryCount: retries } };
  await post(connection, `/containers/${name}/update`, { body });
  return wanted;
}

async function wire(connection: EngineConnection, name: string, { networks }: Wanted): Promise<void> {
  const there = networkNames(await get(connection, `/containers/${name}/json`));
  for (const network of there.filter((one) => !networks.has(one)))
    await post(connection, `/networks/${network}/disconnect`, { body: { Container: name } });
  for (const [network, endpoint] of [...networks].filter(([one]) => !there.includes(one)))
    await post(connection, `/networks/${network}/connect`, { body: { Container: name, EndpointConfig: endpoint } });
}
