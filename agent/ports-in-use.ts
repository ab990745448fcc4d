import { createServer } from 'node:net';

/** Most ports that are tried in one run: a unit on one host has fewer. */
const MAX_PORTS = 128;
const LAST_PORT = 65_535;
/** Of both families, as an engine publishes a port. */
const EVERYWHERE = ['0.0.0.0', '::'] as const;
/** What a host without that family says. */
const NO_SUCH_FAMILY: ReadonlySet<string> = new Set(['EAFNOSUPPORT', 'EADDRNOTAVAIL']);

/** `why`: the system's code, such as EADDRINUSE. */
export type PortInUse = { readonly port: number; readonly why: string };
export type AskedPorts =
  { readonly ok: true; readonly ports: readonly number[] } | { readonly ok: false; readonly problem: string };

/** Ports as a variable has them: `8080,8081`. */
export function readPorts(text: string): AskedPorts {
  const words = text.split(',').map((word) => word.trim());
  const wrong = words.find((word) => !/^[1-9]\d{0,4}$/.test(word) || Number(word) > LAST_PORT);
  if (wrong !== undefined)
    return { ok: false, problem: `expected ports from 1 to ${LAST_PORT} such as 8080,8081, got "${wrong}"` };
  const ports = [...new Set(words.map(Number))];
  if (ports.length <= MAX_PORTS) return { ok: true, ports };
  return { ok: false, problem: `expected at most ${MAX_PORTS} ports, got ${ports.length}` };
}

/** Those at which nobody can listen now, tried one after another and given free at once. */
export async function findPortsInUse(ports: readonly number[]): Promise<readonly PortInUse[]> {
  const inUse: PortInUse[] = [];
  for (const port of ports) {
    const why = await tryPort(port);
    if (why !== null) inUse.push({ port, why });
  }
  return inUse;
}

async function tryPort(port: number): Promise<string | null> {
  for (const address of EVERYWHERE) {
    const why = await listenOnce(address, port);
    if (why !== null && !(address === '::' && NO_SUCH_FAMILY.has(why))) return why;
  }
  return null;
}

/** null: it can be had. */
function listenOnce(host: string, port: number): Promise<string | null> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error) => resolve('code' in error ? String(error.code) : error.message));
    // Both families are tried by themselves: one socket for both would be refused for either.
    server.listen({ host, port, ipv6Only: true, exclusive: true }, () => server.close(() => resolve(null)));
  });
}
