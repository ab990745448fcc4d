import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { findFleetFile, FleetFileProblems, loadFleet, nearestFleetFile } from '../../drivers/fleet-file.ts';
import { folderWith } from '../release/folder.ts';

const FLEET = `fleet: edge
hosts:
  - name: host-1
    engine: { endpoint: "tcp://127.0.0.1:2376", caFile: tls/ca.pem, certFile: tls/client.pem, keyFile: /keys/key.pem }
    labels: { role: first }
    carries: { etcd: "http://host-1:2379", temporal: true }
  - name: host-2
    engine: { endpoint: "unix:///run/docker.sock" }
etcd:
  endpoints: ["http://127.0.0.1:2379"]
  hostEndpoints: ["http://host-1:2379"]
  hostTls: { caFile: /etc/refit/ca.pem, certFile: /etc/refit/c.pem, keyFile: /etc/refit/k.pem }
registries:
  registry.lab:5000: { endpoint: "http://127.0.0.1:25000", credentialsFile: registry.json }
loadBalancers:
  - { name: edge, type: haproxy, endpoint: "unix:///run/haproxy/admin.sock" }
services:
  - { name: web, balancer: { loadBalancer: edge, backend: web } }
  - { name: db, selector: { app: db, tier: "1" } }
temporal:
  address: "127.0.0.1:7233"
  ui: "http://127.0.0.1:8233"
  caFile: tls/temporal-ca.pem
  certFile: tls/client.pem
  keyFile: /keys/key.pem
  serverName: temporal.example
  apiKeyFile: temporal.jwt
`;

const MINIMAL = `fleet: edge
hosts: [{ name: host-1, engine: { endpoint: "unix:///run/docker.sock" } }]
etcd: { endpoints: ["http://host-1:2379"] }
`;

describe('a fleet file', () => {
  test('is read with paths that are absolute on this machine, and untouched where they are the hosts’', async () => {
    await using folder = await folderWith({ 'fleet.yaml': FLEET });

    expect(loadFleet(join(folder.path, 'fleet.yaml'))).toEqual({
      fleet: 'edge',
      hosts: [
        {
          name: 'host-1',
          engine: {
            endpoint: 'tcp://127.0.0.1:2376',
            tls: {
              caFile: join(folder.path, 'tls/ca.pem'),
              certFile: join(folder.path, 'tls/client.pem'),
              keyFile: '/keys/key.pem',
            },
          },
          address: '127.0.0.1',
          labels: { role: 'first' },
          carries: { etcd: 'http://host-1:2379', upgrader: false, temporal: true },
        },
        {
          ...{ name: 'host-2', engine: { endpoint: 'unix:///run/docker.sock', tls: null }, address: null, labels: {} },
          carries: { etcd: null, upgrader: false, temporal: false },
        },
      ],
      etcd: {
        endpoints: ['http://127.0.0.1:2379'],
        hostEndpoints: ['http://host-1:2379'],
        tls: null,
        hostTls: { caFile: '/etc/refit/ca.pem', certFile: '/etc/refit/c.pem', keyFile: '/etc/refit/k.pem' },
      },
      registries: {
        'registry.lab:5000': {
          endpoint: 'http://127.0.0.1:25000',
          credentialsFile: join(folder.path, 'registry.json'),
        },
      },
      loadBalancers: [{ name: 'edge', type: 'haproxy', endpoint: 'unix:///run/haproxy/admin.sock' }],
      services: [
        {
          name: 'web',
          selector: { 'dev.refit.service': 'web' },
          balancer: { loadBalancer: 'edge', backend: 'web', server: '{host}-{container}' },
        },
        { name: 'db', selector: { app: 'db', tier: '1' }, balancer: null },
      ],
      units: [],
      temporal: {
        address: '127.0.0.1:7233',
        namespace: 'default',
        ui: 'http://127.0.0.1:8233',
        tls: {
          caFile: join(folder.path, 'tls/temporal-ca.pem'),
          certFile: join(folder.path, 'tls/client.pem'),
          keyFile: '/keys/key.pem',
          serverName: 'temporal.example',
        },
        apiKeyFile: join(folder.path, 'temporal.jwt'),
      },
    });
  });

  test('lists everything that is wrong with line and field', async () => {
    await using folder = await folderWith({
      'fleet.yaml': `fleet: Edge
hosts:
  - name: host-1
    engine: { endpoint: "tcp://h:1", caFile: ca.pem }
  - name: host-1
    engine: { endpoint: "tcp://h:1" }
    label: {}
etcd: { endpoints: [] }
temporal: { address: "t:1", serverName: t }
`,
    });
    const file = join(folder.path, 'fleet.yaml');

    const problems = problemsOf(() => loadFleet(file));

    expect(problems.map((problem) => problem.slice(file.length + 1))).toEqual([
      '1:1: fleet: expected a fleet\'s name of lower-case letters, digits, dots and dashes, got "Edge"',
      '4:5: hosts[0].engine: expected caFile, certFile and keyFile together, got a group of fields',
      '5:5: hosts[1].name: "host-1" is already hosts[0].name',
      '6:15: hosts[1].engine.endpoint: "tcp://h:1" is already hosts[0].engine.endpoint',
      '7:5: hosts[1].label: unknown field',
      '8:9: etcd.endpoints: expected a list of at least 1, got a list of 0',
      '9:1: temporal: expected caFile, certFile and keyFile together, got a group of fields',
    ]);
  });

  test.each(['docker.lab:2376', 'http://docker.lab', 'tcp://docker.lab', 'unix://run/docker.sock'])(
    'refuses the engine %s',
    async (endpoint) => {
      await using folder = await folderWith({
        'fleet.yaml': `fleet: a\nhosts: [{ name: a, engine: { endpoint: "${endpoint}" } }]\netcd: { endpoints: ["http://a:1"] }\n`,
      });

      expect(() => loadFleet(join(folder.path, 'fleet.yaml'))).toThrow('expected a Docker Engine such as');
    },
  );

  test.each([
    ['endpoint: "tcp://10.0.0.7:2376"', '', '10.0.0.7'],
    ['endpoint: "tcp://host-7.lab:2376"', '', 'host-7.lab'],
    ['endpoint: "tcp://[fd00::7]:2376"', '', '[fd00::7]'],
    ['endpoint: "ssh://user@host-7"', '', null],
    ['endpoint: "unix:///run/docker.sock"', ', address: host-7.lab', 'host-7.lab'],
    ['endpoint: "tcp://127.0.0.1:2376"', ', address: "[fd00::7]"', '[fd00::7]'],
  ])('has a host with %s%s at %s', async (engine, more, address) => {
    const hosts = `hosts: [{ name: a, engine: { ${engine} }${more} }]`;
    await using folder = await folderWith({
      'fleet.yaml': `fleet: a\n${hosts}\netcd: { endpoints: ["http://a:1"] }\n`,
    });

    expect(loadFleet(join(folder.path, 'fleet.yaml')).hosts[0]?.address).toBe(address);
  });

  test.each(['host-7:80', 'http://host-7', 'fd00::7', ''])('refuses the address %j', async (address) => {
    const host = `{ name: a, engine: { endpoint: "unix:///a" }, address: "${address}" }`;
    await using folder = await folderWith({
      'fleet.yaml': `fleet: a\nhosts: [${host}]\netcd: { endpoints: ["http://a:1"] }\n`,
    });

    expect(() => loadFleet(join(folder.path, 'fleet.yaml'))).toThrow('as others reach it, without a port');
  });

  test('needs neither load balancers nor services', async () => {
    await using folder = await folderWith({ 'fleet.yaml': MINIMAL });

    expect(loadFleet(join(folder.path, 'fleet.yaml'))).toMatchObject({ loadBalancers: [], services: [] });
  });

  test('says what is wrong with load balancers and services', async () => {
    await using folder = await folderWith({
      'fleet.yaml': `${MINIMAL}loadBalancers:
  - { name: edge, type: haproxy, endpoint: "tcp://10.0.0.5" }
  - { name: edge, type: nginx, endpoint: "tcp://[fd00::1]:9999" }
services:
  - name: web
    balancer: { loadBalancer: far, backend: "web; quit", server: "{hostname}" }
  - { name: web, selector: {} }
`,
    });
    const file = join(folder.path, 'fleet.yaml');

    const problems = problemsOf(() => loadFleet(file)).map((problem) => problem.slice(file.length + 1));

    expect(problems).toEqual([
      '5:34: loadBalancers[0].endpoint: expected HAProxy\'s runtime API such as unix:///run/haproxy/admin.sock or tcp://10.0.0.5:9999, got "tcp://10.0.0.5"',
      '6:7: loadBalancers[1].name: "edge" is already loadBalancers[0].name',
      '6:19: loadBalancers[1].type: expected haproxy or elbv2, got "nginx"',
      '9:17: services[0].balancer.loadBalancer: expected one of this file\'s loadBalancers (edge), got "far"',
      '9:36: services[0].balancer.backend: expected a backend\'s name of letters, digits and _.:-, got "web; quit"',
      '9:58: services[0].balancer.server: expected a server\'s name of letters, digits and _.:-, with {host} and {container} for the member\'s own, got "{hostname}"',
      '10:7: services[1].name: "web" is already services[0].name',
      '10:18: services[1].selector: expected at least one label, got a group of fields',
    ]);
  });

  test('names a load balancer that it lacks, where it has none', async () => {
    const services = 'services: [{ name: web, balancer: { loadBalancer: edge, backend: web } }]\n';
    await using folder = await folderWith({ 'fleet.yaml': MINIMAL + services });

    expect(() => loadFleet(join(folder.path, 'fleet.yaml'))).toThrow('loadBalancers (there are none), got "edge"');
  });

  test('that is not there is a problem that says how to get one', () => {
    expect(problemsOf(() => loadFleet('/nowhere/fleet.yaml'))).toEqual([
      '/nowhere/fleet.yaml:1:1: expected a fleet file, got ENOENT; bring up a lab with: refit lab up',
    ]);
  });
});

describe('the fleet file that a command means', () => {
  test('is the one REFIT_FLEET names', () => {
    expect(findFleetFile({ REFIT_FLEET: 'x.yaml' }, '/a')).toBe('/a/x.yaml');
  });

  test('is the nearest .refit/fleet.yaml upwards', async () => {
    await using folder = await folderWith({ '.refit/fleet.yaml': FLEET });
    const deep = join(folder.path, 'a', 'b');
    await mkdir(deep, { recursive: true });

    expect(findFleetFile({}, deep)).toBe(join(folder.path, '.refit/fleet.yaml'));
  });

  test('may be missing, where a command can do without', async () => {
    await using folder = await folderWith({});

    expect(nearestFleetFile({}, folder.path)).toBeNull();
    expect(() => findFleetFile({}, folder.path)).toThrow('refit lab up');
  });
});

function problemsOf(action: () => unknown): readonly string[] {
  try {
    action();
  } catch (error) {
    if (error instanceof FleetFileProblems) return error.problems;
    throw error;
  }
  throw new Error('expected problems, got none');
}
