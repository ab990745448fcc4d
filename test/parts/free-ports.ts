import { createServer, type Server } from 'node:net';

/** Below those of labs, and those that systems give to connections that go out: one could have a port before its server. */
const FIRST_PORT = 10_000;
const LAST_PORT = 19_999;
/** Ports that are tried for one that is free. */
const MAX_TRIES = 100;

/** Ports of loopback that were free a moment ago, all different. */
export async function freePorts(count: number): Promise<readonly number[]> {
  const servers = await Promise.all(Array.from({ length: count }, listen));
  const ports = servers.map(portOf);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

export async function freePort(): Promise<number> {
  const [port = 0] = await freePorts(1);
  return port;
}

export function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('expected a server that listens on a port');
  return address.port;
}

/** At random, since other processes look for some as well. */
async function listen(): Promise<Server> {
  for (let tries = 1; ; tries += 1) {
    const port = FIRST_PORT + Math.floor(Math.random() * (LAST_PORT - FIRST_PORT + 1));
    try {
      return await listenAt(port);
    } catch (cause) {
      if (tries === MAX_TRIES) throw new Error(`expected a free port of ${FIRST_PORT} to ${LAST_PORT}`, { cause });
    }
  }
}

function listenAt(port: number): Promise<Server> {
  const server = createServer();
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => resolve(server));
  });
}
