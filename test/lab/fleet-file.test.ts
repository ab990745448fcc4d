import { mkdir, mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { loadFleet } from '../../drivers/fleet-file.ts';
import { fleetFile, writeFleetFile } from '../../lab/fleet-file.ts';
import { labPaths } from '../../lab/paths.ts';
import { aLab } from './a-lab.ts';

let root: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'refit-fleet-'));
});

afterEach(() => rm(root, { recursive: true }));

describe('the fleet file of a lab', () => {
  it('names everything on loopback, and etcd also as the hosts know it', () => {
    expect(parse(fleetFile(aLab({ hosts: 4 }), 'lab/tls'))).toEqual({
      fleet: 'lab',
      hosts: [1, 2, 3, 4].map((number) => ({
        name: `host-${number}`,
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
      temporal: { address: '127.0.0.1:7233', namespace: 'default', ui: 'http://127.0.0.1:8233' },
    });
  });

  it('is one that the programs read', async () => {
    const paths = labPaths('lab', root);
    await mkdir(paths.folder, { recursive: true });

    await writeFleetFile(paths, aLab({ hosts: 3 }));

    expect(loadFleet(paths.fleetFile)).toMatchObject({ fleet: 'lab', services: [{ name: 'web' }] });
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
