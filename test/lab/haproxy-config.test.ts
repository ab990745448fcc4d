import { describe, expect, it } from 'vitest';
import { haproxyConfig, serverNames } from '../../lab/haproxy-config.ts';
import { serverOf } from '../../model/service.ts';
import { parseHostId } from '../../model/ids.ts';
import { aLab } from './a-lab.ts';

describe('the load balancer’s configuration', () => {
  it('has a server for each member that a host can have, named as the fleet file says', () => {
    const { hosts } = aLab({ hosts: 12 });

    const lines = haproxyConfig(hosts)
      .split('\n')
      .filter((line) => line.startsWith('  server '));

    expect(lines).toHaveLength(24);
    expect(lines[0]).toBe('  server host-1-web-1 10.213.7.10:8081');
    expect(lines[23]).toBe('  server host-12-web-2 10.213.7.21:8082');
    expect(serverNames(hosts)[23]).toBe(
      serverOf(
        { loadBalancer: 'edge', backend: 'web', server: '{host}-{container}' },
        { host: parseHostId('host-12'), container: 'web-2' },
      ),
    );
  });
});
