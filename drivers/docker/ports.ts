/** Where a container's port is reached on its host, in the engine's words. */
export type PortBinding = { readonly HostIp: string; readonly HostPort: string };

/** The engine's PortBindings of ports such as `127.0.0.1:8080:80/tcp`. */
export function portBindings(ports: readonly string[]): Readonly<Record<string, readonly PortBinding[]>> {
  const bindings: Record<string, PortBinding[]> = {};
  for (const port of ports) {
    const { container, ...binding } = parsePort(port);
    (bindings[container] ??= []).push(binding);
  }
  return bindings;
}

export const isPort = (text: string): boolean => PORT.test(text);

/** `[address:]hostPort:containerPort[/protocol]`. */
const PORT = /^(?:(.+):)?(\d+):(\d+)(?:\/(tcp|udp|sctp))?$/;

function parsePort(text: string): PortBinding & { readonly container: string } {
  const match = PORT.exec(text);
  if (match === null) throw new RangeError(`expected a port such as 8080:80/tcp, got "${text}"`);
  const [, address = '', hostPort = '', port = '', protocol = 'tcp'] = match;
  // The engine wants an IPv6 address without the brackets that set it apart from the port.
  return { HostIp: address.replace(/^\[(.+)\]$/, '$1'), HostPort: hostPort, container: `${port}/${protocol}` };
}
