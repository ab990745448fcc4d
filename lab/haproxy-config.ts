import type { LabHost } from './state.ts';

/** The frontend, its backend, and the service whose members are behind it. */
export const WEB = 'web';

/** Where the load balancer listens in its container. */
export const INSIDE = { web: 80, runtime: 9999 } as const;

export const CONFIG_FILE = '/etc/lab/haproxy.cfg';

/** Members that a host can have: their containers are web-1 and web-2, published on these ports of the host. */
export const webMembers = [
  { container: `${WEB}-1`, port: 8081 },
  { container: `${WEB}-2`, port: 8082 },
] as const;

/** As the fleet file's `{host}-{container}` makes them. */
export const serverNames = (hosts: readonly LabHost[]): readonly string[] =>
  hosts.flatMap(({ name }) => webMembers.map(({ container }) => `${name}-${container}`));

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
${servers.join('')}`;
}
