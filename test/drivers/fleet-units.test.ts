import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { FleetFileProblems, loadFleet } from '../../drivers/fleet-file.ts';
import type { Fleet } from '../../model/fleet.ts';
import { folderWith } from '../release/folder.ts';

const MINIMAL = `fleet: edge
hosts: [{ name: host-1, engine: { endpoint: "unix:///run/docker.sock" } }]
etcd: { endpoints: ["http://host-1:2379"] }
loadBalancers:
  - { name: edge, type: haproxy, endpoint: "tcp://10.0.0.5:9999" }
  - { name: aws, type: elbv2, region: eu-west-1 }
`;

const ARN = 'arn:aws:elasticloadbalancing:eu-west-1:123456789012';
const RULE = `${ARN}:listener-rule/app/shop/50dc6c495c0c9188/f2f7dc8efc522ab2/9683b2d02a6cabee`;
const BLUE = `${ARN}:targetgroup/shop-blue/73e2d6bc24d8a067`;
const GREEN = `${ARN}:targetgroup/shop-green/9683b2d02a6cabee`;

describe('the units of a fleet file', () => {
  test('may be switched by HAProxy, with files on the worker’s disk', async () => {
    const { fleet, folder } = await load(`units:
  - name: shop
    balancer:
      loadBalancer: edge
      map: /etc/haproxy/units/shop.map
      mapFile: haproxy/shop.map
      frontends:
        - { service: web, backend: "shop-web-{slot}" }
        - { service: api, backend: "shop-{slot}-api", server: "{container}.{host}" }
    files: { tls-key: secrets/tls.key, ca: /etc/ssl/ca.pem }
`);

    expect(fleet.units).toEqual([
      {
        name: 'shop',
        balancer: {
          ...{ type: 'haproxy', loadBalancer: 'edge', map: '/etc/haproxy/units/shop.map' },
          mapFile: join(folder, 'haproxy/shop.map'),
          frontends: [
            { service: 'web', backend: 'shop-web-{slot}', server: '{host}-{container}' },
            { service: 'api', backend: 'shop-{slot}-api', server: '{container}.{host}' },
          ],
        },
        files: { 'tls-key': join(folder, 'secrets/tls.key'), ca: '/etc/ssl/ca.pem' },
      },
    ]);
  });

  test('have their map where HAProxy has it, unless the file says otherwise', async () => {
    const { fleet } = await load(`units:
  - name: shop
    balancer: { loadBalancer: edge, map: /maps/shop.map, frontends: [{ service: web, backend: "{slot}" }] }
`);

    expect(fleet.units).toMatchObject([{ balancer: { map: '/maps/shop.map', mapFile: '/maps/shop.map' }, files: {} }]);
  });

  test('may be switched by AWS', async () => {
    const frontend = `{ service: web, listener: "${RULE}", targetGroups: { blue: "${BLUE}", green: "${GREEN}" } }`;
    const { fleet } = await load(
      `units: [{ name: shop, balancer: { loadBalancer: aws, frontends: [${frontend}] } }]\n`,
    );

    expect(fleet.loadBalancers[1]).toEqual({ name: 'aws', type: 'elbv2', region: 'eu-west-1', endpoint: null });
    expect(fleet.units[0]?.balancer).toEqual({
      ...{ type: 'elbv2', loadBalancer: 'aws' },
      frontends: [{ service: 'web', listener: RULE, targetGroups: { blue: BLUE, green: GREEN } }],
    });
  });

  test('need no balancer, no files, and need not be there at all', async () => {
    const { fleet } = await load('units: [{ name: shop }]\n');

    expect(fleet.units).toEqual([{ name: 'shop', balancer: null, files: {} }]);
    expect((await load('')).fleet.units).toEqual([]);
  });

  test('say what is wrong with one that HAProxy switches', async () => {
    expect(
      await problems(`units:
  - name: shop
    balancer:
      loadBalancer: edge
      map: units/shop.map
      reload: true
      frontends:
        - { service: web, backend: shop-web }
        - { service: Api, backend: "shop api {slot}", server: "{slot}" }
  - name: shop
    balancer: { loadBalancer: edge, map: /a;quit, frontends: [] }
    file: {}
`),
    ).toEqual([
      '11:7: units[0].balancer.map: expected an absolute path of letters, digits and _.:-/, as HAProxy\'s configuration has it, got "units/shop.map"',
      '12:7: units[0].balancer.reload: unknown field',
      '14:27: units[0].balancer.frontends[0].backend: expected a backend\'s name of letters, digits and _.:- with {slot} in it, such as shop-web-{slot}, got "shop-web"',
      '15:13: units[0].balancer.frontends[1].service: expected a service\'s name of lower-case letters, digits, dots and dashes, got "Api"',
      '15:27: units[0].balancer.frontends[1].backend: expected a backend\'s name of letters, digits and _.:- with {slot} in it, such as shop-web-{slot}, got "shop api {slot}"',
      '15:55: units[0].balancer.frontends[1].server: expected a server\'s name of letters, digits and _.:-, with {host} and {container} for the member\'s own, got "{slot}"',
      '16:5: units[1].name: "shop" is already units[0].name',
      '17:37: units[1].balancer.map: expected an absolute path of letters, digits and _.:-/, as HAProxy\'s configuration has it, got "/a;quit"',
      '17:51: units[1].balancer.frontends: expected a list of at least 1, got a list of 0',
      '18:5: units[1].file: unknown field',
    ]);
  });

  test('say what is wrong with one that AWS switches', async () => {
    expect(
      await problems(`units:
  - name: shop
    balancer:
      loadBalancer: aws
      frontends:
        - { service: web, listener: "${BLUE}", targetGroups: { blue: "${BLUE}", green: "${BLUE}" } }
        - { service: api, listener: "${RULE}", targetGroups: { blue: "${BLUE}" } }
`),
    ).toEqual([
      expect.stringMatching(
        /^12:27: units\[0\]\.balancer\.frontends\[0\]\.listener: expected the ARN of a listener, or of/,
      ),
      expect.stringMatching(
        /^12:\d+: units\[0\]\.balancer\.frontends\[0\]\.targetGroups: expected a target group for each slot, got the same/,
      ),
      expect.stringMatching(
        /^13:\d+: units\[0\]\.balancer\.frontends\[1\]\.targetGroups\.green: expected the ARN of a target group, got nothing/,
      ),
    ]);
  });

  test('say that a frontend is of the other type of load balancer, once', async () => {
    const elb = `{ service: web, listener: "${RULE}", targetGroups: { blue: "${BLUE}", green: "${GREEN}" } }`;

    expect(
      await problems(`units:
  - { name: one, balancer: { loadBalancer: edge, frontends: [${elb}] } }
  - { name: two, balancer: { loadBalancer: aws, map: /m, frontends: [{ service: web, backend: "{slot}" }] } }
`),
    ).toEqual([
      '8:78: units[0].balancer.frontends[0].listener: a frontend of a load balancer of type haproxy has service, backend and server',
      '9:86: units[1].balancer.frontends[0].backend: a frontend of a load balancer of type elbv2 has service, listener and targetGroups',
    ]);
  });

  test('name a load balancer that there is, and no map of another unit', async () => {
    const frontends = 'frontends: [{ service: web, backend: "{slot}" }]';

    expect(
      await problems(`units:
  - { name: one, balancer: { loadBalancer: far, map: /m, ${frontends} } }
  - { name: two, balancer: { map: /m, ${frontends} } }
  - { name: three, balancer: { loadBalancer: edge, map: /m, ${frontends} } }
  - { name: four, balancer: { loadBalancer: edge, map: /m, ${frontends} } }
`),
    ).toEqual([
      '8:30: units[0].balancer.loadBalancer: expected one of this file\'s loadBalancers (edge, aws), got "far"',
      "9:28: units[1].balancer.loadBalancer: expected one of this file's loadBalancers (edge, aws), got nothing",
      '11:51: units[3].balancer.map: "/m" is already units[2].balancer.map',
    ]);
  });
});

describe('a load balancer of AWS', () => {
  test('may be reached at an address of its own', async () => {
    const own = '  - { name: local, type: elbv2, region: us-gov-west-1, endpoint: "http://127.0.0.1:5000" }\n';

    expect((await load(own)).fleet.loadBalancers.at(-1)).toEqual({
      ...{ name: 'local', type: 'elbv2', region: 'us-gov-west-1' },
      endpoint: 'http://127.0.0.1:5000',
    });
  });

  test('has a region, and takes no single members of a service out', async () => {
    expect(
      await problems(`  - { name: far, type: elbv2, endpoint: "10.0.0.1" }
services: [{ name: web, balancer: { loadBalancer: aws, backend: web } }]
`),
    ).toEqual([
      expect.stringMatching(
        /^7:5: loadBalancers\[2\]\.region: expected a region of AWS such as eu-west-1, got nothing/,
      ),
      expect.stringMatching(/^7:\d+: loadBalancers\[2\]\.endpoint: expected an address such as https:/),
      '8:37: services[0].balancer.loadBalancer: expected a load balancer of type haproxy, got "aws", which is of type elbv2',
    ]);
  });
});

async function load(more: string): Promise<{ readonly fleet: Fleet; readonly folder: string }> {
  await using folder = await folderWith({ 'fleet.yaml': MINIMAL + more });
  return { fleet: loadFleet(join(folder.path, 'fleet.yaml')), folder: folder.path };
}

/** Without the file's name. */
async function problems(more: string): Promise<readonly string[]> {
  await using folder = await folderWith({ 'fleet.yaml': MINIMAL + more });
  const file = join(folder.path, 'fleet.yaml');
  try {
    loadFleet(file);
  } catch (error) {
    if (error instanceof FleetFileProblems) return error.problems.map((problem) => problem.slice(file.length + 1));
    throw error;
  }
  throw new Error('expected problems, got nothing');
}
