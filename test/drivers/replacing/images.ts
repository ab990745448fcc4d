import type { EngineConnection } from '../../../drivers/docker/connection.ts';

/** In the engine's words: Env, Cmd, Entrypoint, Labels and so on. */
export type Fields = Readonly<Record<string, unknown>>;

/** Longest that a change of the engine takes; ms. */
const CHANGE_MS = 60_000;

/** An image of the base's files with that configuration. Without an entrypoint it gets the command. */
export async function makeImage(
  connection: EngineConnection,
  image: { readonly base: string; readonly name: string; readonly config: Fields },
): Promise<void> {
  const container = `image-${image.name.replace(':', '-')}`;
  const body = { Image: image.base, Cmd: ['/bin/sh'] };
  await post(connection, '/containers/create', { body, query: { name: container } });
  const [repo = '', tag = ''] = image.name.split(':');
  await post(connection, '/commit', { body: image.config, query: { container, repo, tag, pause: 'false' } });
  await connection.ask({
    what: `remove ${container}`,
    method: 'DELETE',
    path: `/containers/${container}`,
    withinMs: CHANGE_MS,
  });
}

export type Post = { readonly body?: Fields; readonly query?: Readonly<Record<string, string>> };

export const post = (
  connection: EngineConnection,
  path: string,
  { body = {}, query = {} }: Post = {},
): Promise<unknown> => connection.ask({ what: path, method: 'POST', path, body, query, withinMs: CHANGE_MS });

export const get = (connection: EngineConnection, path: string): Promise<unknown> =>
  connection.ask({ what: path, method: 'GET', path, withinMs: CHANGE_MS });

export async function createStarted(connection: EngineConnection, name: string, body: Fields): Promise<void> {
  await post(connection, '/containers/create', { body, query: { name } });
  await post(connection, `/containers/${name}/start`);
}
