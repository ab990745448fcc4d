import { connect } from 'node:net';

/** Longest for one endpoint to take a connection; ms. */
const CONNECT_MS = 1_000;
/** etcd's port where an endpoint names none. */
const ETCD_PORT = 2_379;

/**
 * Whether any endpoint of the bus takes a connection from this host: a witness that is neither of the agents. One that
 * takes connections and answers nobody counts as there.
 */
export async function isBusThere(endpoints: readonly string[]): Promise<boolean> {
  const answers = await Promise.all(endpoints.map(takesConnection));
  return answers.includes(true);
}

function takesConnection(endpoint: string): Promise<boolean> {
  if (!URL.canParse(endpoint)) return Promise.resolve(false);
  const { hostname, port } = new URL(endpoint);
  // An address of IPv6 stands in brackets there.
  const host = hostname.replace(/^\[(.*)\]$/, '$1');
  return new Promise((resolve) => {
    const socket = connect({ host, port: port === '' ? ETCD_PORT : Number(port), timeout: CONNECT_MS });
    const end = (isThere: boolean) => (): void => {
      socket.destroy();
      resolve(isThere);
    };
    socket.once('connect', end(true)).once('timeout', end(false)).once('error', end(false));
  });
}
