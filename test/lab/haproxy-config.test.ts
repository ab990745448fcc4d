import { describe, expect, it } from 'vitest';
import { haproxyConfig, serverNames } from '../../lab/haproxy-config.ts';
import { serverOf } from '../../model/service.ts';
import { parseHostId } from '../../model/ids.ts';
import { aLab } from './a-lab.ts';

describe('the load balancer’s configuration', () => {
  it('has a server for each member that a host can have, named as the fleet file says', () => {
    const { hosts } = aLab({ hosts: 12 });

    const lines = backend(haproxyConfig(hosts), 'web').filter((line) => line.startsWith('server '));

    expect(lines).toHaveLength(24);
    expect(lines[0]).toBe('server host-1-web-1 10.213.7.10:8081');
    expect(lines[23]).toBe('server host-12-web-2 10.213.7.21:8082');
    expect(serverNames(hosts).get('web')?.[23]).toBe(
      serverOf(
        { loadBalancer: 'edge', backend: 'web', server: '{host}-{container}' },
        { host: parseHostId('host-12'), container: 'web-2' },
      ),
    );
  });

  it('asks the map at each request of the unit which slot takes it', () => {
    const text = haproxyConfig(aLab({ hosts: 1 }).hosts);

    expect(text).toContain('use_backend shop-web-%[str(active),map(/etc/lab/units/shop.map,blue)]');
    expect(text).toContain('use_backend shop-api-%[str(active),map(/etc/lab/units/shop.map,blue)]');
  });

  it('has in each slot a server for each member of the unit that could be on a host, where the host publishes it', () => {
    const { hosts } = aLab({ hosts: 2 });
    const text = haproxyConfig(hosts);
    const servers = (name: string): readonly string[] =>
      backend(text, name).filter((line) => line.startsWith('server '));

    expect(servers('shop-web-green')).toEqual([
      'server host-1-shop-green-web-1 10.213.7.10:8120',
      'server host-1-shop-green-web-2 10.213.7.10:8121',
      'server host-1-shop-green-web-3 10.213.7.10:8122',
      'server host-2-shop-green-web-1 10.213.7.11:8120',
      'server host-2-shop-green-web-2 10.213.7.11:8121',
      'server host-2-shop-green-web-3 10.213.7.11:8122',
    ]);
    expect(servers('shop-api-blue').map((line) => line.split(' ')[1])).toEqual(serverNames(hosts).get('shop-api-blue'));
    expect(servers('shop-api-green')).toHaveLength(4);
  });

  it('has no port of a host twice', () => {
    const text = haproxyConfig(aLab({ hosts: 1 }).hosts);
    const ports = [...text.matchAll(/^ {2}server \S+ \S+:(\d+)$/gm)].map(([, port]) => port);

    expect(new Set(ports).size).toBe(ports.length);
  });
});

/** Lines of one backend. */
function backend(text: string, name: string): readonly string[] {
  const lines = text.split('\n');
  const from = lines.indexOf(`backend ${name}`) + 1;
  const length = lines.slice(from).findIndex((line) => !line.startsWith('  '));
  return lines.slice(from, length < 0 ? undefined : from + length).map((line) => line.trim());
}
