import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { loadFleet } from '../../drivers/fleet-file.ts';
import { fleetFile, fromHosts, fromMachine, writeFleetFile } from '../../lab/fleet-file.ts';
import { mapsFolder } from '../../lab/haproxy.ts';
import { labPaths } from '../../lab/paths.ts';
import { shopFiles } from '../../lab/shop-files.ts';
import { aLab } from './a-lab.ts';

let root: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'refit-fleet-'));
});

afterEach(() => rm(root, { recursive: true }));

describe('the fleet file of a lab', () => {
  it('names everything on loopback, and hosts and etcd also as the hosts know them', () => {
    expect(parse(fleetFile(aLab({ hosts: 4 }), fromMachine(aLab({ hosts: 4 }), 'lab')))).toEqual({
      fleet: 'lab',
      hosts: [1, 2, 3, 4].map((number) => ({
        name: `host-${number}`,
        address: `10.213.7.${9 + number}`,
        engine: {
          endpoint: `tcp://127.0.0.1:${20_001 + 3 * (number - 1)}`,
          caFile: 'lab/tls/ca.pem',
          certFile: 'lab/tls/client.pem',
          keyFile: 'lab/tls/client-key.pem',
        },
        labels: { role: number === 1 ? 'first' : 'other' },
      })),
      etcd: {
        endpoints: ['http://127.0.0.1:20002', 'http://127.0.0.1:20005', 'http://127.0.0.1:20008'],
        hostEndpoints: ['http://host-1:2379', 'http://host-2:2379', 'http://host-3:2379'],
      },
      registries: { 'registry.lab:5000': { endpoint: 'http://127.0.0.1:20000' } },
      loadBalancers: [{ name: 'edge', type: 'haproxy', endpoint: 'tcp://127.0.0.1:19999' }],
      services: [{ name: 'web', balancer: { loadBalancer: 'edge', backend: 'web', server: '{host}-{container}' } }],
      units: [
        {
          name: 'shop',
          balancer: {
            loadBalancer: 'edge',
            map: '/etc/lab/units/shop.map',
            mapFile: 'lab/edge/units/shop.map',
            frontends: [
              { service: 'web', backend: 'shop-web-{slot}', server: '{host}-{container}' },
              { service: 'api', backend: 'shop-api-{slot}', server: '{host}-{container}' },
            ],
          },
          files: { 'tls-key': 'lab/shop/tls-key.pem', account: 'lab/shop/account.json' },
        },
      ],
      temporal: { address: '127.0.0.1:7233', namespace: 'default', ui: 'http://127.0.0.1:8233' },
    });
  });

  it('names everything as the hosts reach it, where they carry the upgrader, and which of them do', async () => {
    const state = { ...aLab({ hosts: 4 }), upgrader: { image: null, forwarder: null } };
    const file = join(root, 'fleet.yaml');

    await writeFile(file, fleetFile(state, fromHosts(state)));
    const fleet = loadFleet(file);

    expect(fleet.hosts.map(({ carries }) => carries)).toEqual([
      { etcd: 'http://host-1:2379', upgrader: false, temporal: false },
      { etcd: 'http://host-2:2379', upgrader: true, temporal: false },
      { etcd: 'http://host-3:2379', upgrader: true, temporal: false },
      { etcd: null, upgrader: false, temporal: false },
    ]);
    expect(fleet.hosts[0]?.engine).toEqual({
      endpoint: 'tcp://host-1:2376',
      tls: {
        caFile: join(root, 'tls/ca.pem'),
        certFile: join(root, 'tls/client.pem'),
        keyFile: join(root, 'tls/client-key.pem'),
      },
    });
    expect(fleet.etcd.endpoints).toEqual(fleet.etcd.hostEndpoints);
    expect(fleet.temporal?.address).toBe('10.213.7.1:7233');
    // Their files are the machine's.
    expect(fleet.units).toEqual([]);
  });

  it('names the fleet’s own certificate for etcd, and each host’s, in a secure lab', () => {
    const lab = { ...aLab({ hosts: 3 }), secure: true };

    expect(parse(fleetFile(lab, fromMachine(lab, 'lab')))).toMatchObject({
      etcd: {
        endpoints: ['https://127.0.0.1:20002', 'https://127.0.0.1:20005', 'https://127.0.0.1:20008'],
        hostEndpoints: ['https://host-1:2379', 'https://host-2:2379', 'https://host-3:2379'],
        certFile: 'lab/tls/etcd-fleet.pem',
        hostTls: { certFile: '/etc/ssl/bus/host.pem' },
      },
    });
  });

  it('is one that the programs read', async () => {
    const paths = labPaths('lab', root);
    await mkdir(paths.folder, { recursive: true });

    await writeFleetFile(paths, aLab({ hosts: 3 }));

    expect(loadFleet(paths.fleetFile)).toMatchObject({
      fleet: 'lab',
      hosts: [{ address: '10.213.7.10' }, { address: '10.213.7.11' }, { address: '10.213.7.12' }],
      services: [{ name: 'web' }],
      units: [{ name: 'shop', balancer: { mapFile: join(mapsFolder(paths), 'shop.map') }, files: shopFiles(paths) }],
    });
  });

  it('names files of the unit that are made once for each lab, for nobody else to read', async () => {
    const paths = labPaths('other', root);
    await mkdir(paths.folder, { recursive: true });
    await writeFleetFile(paths, aLab({ hosts: 1, name: 'other' }));
    const files = Object.values(shopFiles(paths));
    const before = await Promise.all(files.map(async (file) => readFile(file, 'utf8')));

    await writeFleetFile(paths, aLab({ hosts: 2, name: 'other' }));

    expect(await Promise.all(files.map(async (file) => readFile(file, 'utf8')))).toEqual(before);
    for (const file of files) expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(parse(await readFile(paths.fleetFile, 'utf8'))).toMatchObject({
      units: [{ balancer: { mapFile: 'edge/units/shop.map' }, files: { account: 'shop/account.json' } }],
    });
  });

  it('is the default one for the lab that is called lab, and beside its state for any other', () => {
    expect(labPaths('lab', '/x').fleetFile).toBe('/x/.refit/fleet.yaml');
    expect(labPaths('other', '/x').fleetFile).toBe('/x/.refit/other/fleet.yaml');
  });

  it('says that it changed only to those who may have read the old one', async () => {
    const paths = labPaths('lab', root);
    await mkdir(paths.folder, { recursive: true });

    expect(await writeFleetFile(paths, aLab({ hosts: 2 }))).toBe(false);
    const { mtimeMs } = await stat(paths.fleetFile);
    expect(await writeFleetFile(paths, aLab({ hosts: 2 }))).toBe(false);
    expect((await stat(paths.fleetFile)).mtimeMs).toBe(mtimeMs);
    expect(await writeFleetFile(paths, aLab({ hosts: 3 }))).toBe(true);
  });
});
