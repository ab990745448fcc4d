import { ACTIVE_KEY } from '../model/slot-balancer.ts';
import { slots } from '../model/unit.ts';
import {
  SHOP,
  shopBackend,
  shopBackends,
  shopFrontends,
  type ShopBackend,
  type ShopFrontend,
} from './shop-frontends.ts';
import type { LabHost } from './state.ts';

/** The frontend, its backend, and the service whose members are behind it. */
export const WEB = 'web';

/** Where the load balancer listens in its container. */
export const INSIDE = {
  web: 80,
  runtime: 9999,
  shopWeb: shopFrontends.web.listens,
  shopApi: shopFrontends.api.listens,
} as const;

export const CONFIG_FILE = '/etc/lab/haproxy.cfg';
/** In the container; a folder of this machine, so that the worker writes the maps in it. */
export const MAPS_FOLDER = '/etc/lab/units';
/** Which slot of the unit takes the requests. */
export const SHOP_MAP = `${SHOP}.map`;

/** Members that a host can have: their containers are web-1 and web-2, published on these ports of the host. */
export const webMembers = [
  { container: `${WEB}-1`, port: 8081 },
  { container: `${WEB}-2`, port: 8082 },
] as const;

/** Names of each backend's servers, as the fleet file's `{host}-{container}` makes them. */
export function serverNames(hosts: readonly LabHost[]): ReadonlyMap<string, readonly string[]> {
  const web = hosts.flatMap(({ name }) => webMembers.map(({ container }) => `${name}-${container}`));
  const shop = shopBackends(hosts).map(({ name, servers }) => [name, servers.map((server) => server.name)] as const);
  return new Map([[WEB, web], ...shop]);
}

/**
 * A server for each member that a host can have; one that isn't there is down. A request that meets a server's end goes
 * to another one, and one that changes something only if no server has seen it.
 */
export function haproxyConfig(hosts: readonly LabHost[]): string {
  const servers = hosts.flatMap(({ name, address }) =>
    webMembers.map(({ container, port }) => `  server ${name}-${container} ${address}:${port}\n`),
  );
  return `# Written by \`refit lab up\`.
global
  maxconn 4096
  user haproxy
  group haproxy
  hard-stop-after 5s
  stats socket ipv4@0.0.0.0:${INSIDE.runtime} level admin
defaults
  mode http
  timeout connect 250ms
  timeout client 30s
  timeout server 65s
  timeout queue 5s
  timeout http-request 10s
  timeout http-keep-alive 10s
  timeout check 1s
  retries 3
  option redispatch 1
  retry-on conn-failure empty-response
frontend ${WEB}
  bind :${INSIDE.web}
  default_backend ${WEB}
backend ${WEB}
  balance roundrobin
  http-reuse safe
  http-request disable-l7-retry if !METH_GET
  option httpchk GET /health
  default-server check inter 200ms fall 3 rise 2
${servers.join('')}${Object.values(shopFrontends).map(shopFrontend).join('')}${shopBackends(hosts).map(backendText).join('')}`;
}

/** Chooses anew for each request. A map that says nothing means blue, where a unit begins. */
function shopFrontend(frontend: ShopFrontend): string {
  const active = `%[str(${ACTIVE_KEY}),map(${MAPS_FOLDER}/${SHOP_MAP},${slots[0]})]`;
  return `frontend ${SHOP}-${frontend.service}
  bind :${frontend.listens}
  use_backend ${shopBackend(frontend, '{slot}').replace('{slot}', active)}
`;
}

/** Servers that are down are most of them, so they are looked at seldom; one that changes is looked at often. */
const backendText = ({ name, servers }: ShopBackend): string => `backend ${name}
  balance roundrobin
  http-reuse safe
  http-request disable-l7-retry if !METH_GET
  option httpchk GET /health
  default-server check inter 200ms downinter 1s fastinter 200ms fall 3 rise 2
${servers.map((server) => `  server ${server.name} ${server.address}\n`).join('')}`;
