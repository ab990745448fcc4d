import { appendFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createPorts } from '../../worker/ports.ts';
import { startHaproxy } from '../parts/haproxy.ts';
import { folderWith } from '../release/folder.ts';

const FLEET = `fleet: ports
hosts: [{ name: host-1, engine: { endpoint: "unix:///nowhere.sock" } }]
etcd: { endpoints: ["http://127.0.0.1:1"] }
`;

describe('the load balancers of a worker', () => {
  it('are those of the fleet file as it is now', async () => {
    await using folder = await folderWith({ 'fleet.yaml': FLEET });
    await using haproxy = await startHaproxy(['server a 127.0.0.1:1']);
    const { ports, close } = createPorts({
      fleetFile: join(folder.path, 'fleet.yaml'),
      log: () => undefined,
      temporal: null,
    });

    expect(() => ports.loadBalancer('edge')).toThrow(
      'load balancer edge of type haproxy is not in the fleet file any more; it has none',
    );
    await appendFile(
      join(folder.path, 'fleet.yaml'),
      `loadBalancers: [{ name: edge, type: haproxy, endpoint: "${haproxy.endpoint}" }]\n`,
    );

    expect(await ports.loadBalancer('edge').servers('web')).toMatchObject([{ name: 'a', health: 'unchecked' }]);
    expect(() => ports.loadBalancer('other')).toThrow('it has edge');
    close();
  });

  it('switch units as well, and are kept until the fleet file says something else of them', async () => {
    const edge = 'loadBalancers: [{ name: edge, type: haproxy, endpoint: "tcp://127.0.0.1:1" }]\n';
    await using folder = await folderWith({ 'fleet.yaml': FLEET });
    const file = join(folder.path, 'fleet.yaml');
    const { ports, close } = createPorts({ fleetFile: file, log: () => undefined, temporal: null });

    expect(() => ports.slotBalancer('edge')).toThrow(
      'load balancer edge is not in the fleet file any more; it has none',
    );
    await writeFile(file, FLEET + edge);
    const first = ports.slotBalancer('edge');

    expect(ports.slotBalancer('edge')).toBe(first);
    await writeFile(file, FLEET + edge.replace(':1"', ':2"'));
    expect(ports.slotBalancer('edge')).not.toBe(first);
    await writeFile(file, `${FLEET}loadBalancers: [{ name: edge, type: elbv2, region: eu-west-1 }]\n`);
    expect(ports.slotBalancer('edge')).not.toBe(first);
    expect(() => ports.loadBalancer('edge')).toThrow('of type haproxy is not in the fleet file any more; it has none');
    close();
  });
});
