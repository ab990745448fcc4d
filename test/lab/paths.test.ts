import { describe, expect, it } from 'vitest';
import { etcdSettings } from '../../lab/host-config.ts';
import { openLab } from '../../lab/lab.ts';
import { candidates, hostAddress, registryAddress } from '../../lab/network.ts';
import { cacheFolder, containerName, parseLabName } from '../../lab/paths.ts';
import { aLab } from './a-lab.ts';

describe('the name of a lab', () => {
  it('is a short DNS label, since hosts and containers are named after it', () => {
    for (const name of ['lab', 'test', 'lab-2', 'a']) expect(parseLabName(name)).toBe(name);
    for (const name of ['', 'Lab', '2lab', 'lab-', 'a_b', '../x', 'a'.repeat(21)])
      expect(parseLabName(name)).toBeUndefined();
  });

  it('is refused before anything is touched', () => {
    expect(() => openLab('../etc')).toThrow(/can't be a lab's name/);
  });

  it('keeps the containers of labs side by side apart', () => {
    expect(containerName('lab', 'host-1')).toBe('refit-lab-host-1');
    expect(containerName('test', 'host-1')).toBe('refit-test-host-1');
  });
});

describe('the cache', () => {
  it('lies outside the checkout, where the operator or the system says', () => {
    expect(cacheFolder({ REFIT_CACHE: '/big/disk' })).toBe('/big/disk');
    expect(cacheFolder({ XDG_CACHE_HOME: '/var/cache/own' })).toBe('/var/cache/own/refit');
    expect(cacheFolder({ REFIT_CACHE: '' })).toMatch(/\.cache\/refit$/);
  });
});

describe('the network of a lab', () => {
  it('never lies where the machine has an address', () => {
    const [first] = candidates('lab', []);
    const inUse = (first ?? '').replace('0/24', '1');

    expect(candidates('lab', [])).toHaveLength(256);
    expect(candidates('lab', [inUse])).not.toContain(first);
    expect(candidates('lab', [inUse])).toHaveLength(255);
  });

  it('gives fixed addresses, which a restarted container keeps', () => {
    expect(registryAddress('10.213.7.0/24')).toBe('10.213.7.5');
    expect(hostAddress('10.213.7.0/24', 0)).toBe('10.213.7.10');
    expect(hostAddress('10.213.7.0/24', 244)).toBe('10.213.7.254');
  });
});

describe('the settings of an etcd member', () => {
  it('name all members, the same on each', () => {
    const { hosts } = aLab({ hosts: 3 });
    const settings = hosts.map((host) => etcdSettings(host, hosts));
    const cluster =
      'ETCD_INITIAL_CLUSTER=host-1=http://host-1:2380,host-2=http://host-2:2380,host-3=http://host-3:2380';

    expect(settings.every((text) => text.split('\n').includes(cluster))).toBe(true);
    expect(settings[1]).toContain('ETCD_NAME=host-2\n');
    expect(new Set(settings.map((text) => /TOKEN=(.*)/.exec(text)?.[1])).size).toBe(1);
  });

  it('keep everybody out who has no certificate, and hosts from joining as members, in a secure lab', () => {
    const { hosts } = aLab({ hosts: 3 });

    const settings = hosts.map((host) => etcdSettings(host, hosts, true));

    for (const text of settings) {
      expect(text).not.toContain('http://');
      expect(text.split('\n')).toEqual(
        expect.arrayContaining([
          'ETCD_CLIENT_CERT_AUTH=true',
          'ETCD_PEER_CLIENT_CERT_AUTH=true',
          'ETCD_PEER_CERT_ALLOWED_CN=etcd-peer',
          'ETCD_ENABLE_GRPC_GATEWAY=false',
        ]),
      );
    }
  });
});
