import type { Explained } from './differences.ts';
import { anyHostPort, boundById, mountedById, namedNetwork } from './explained.ts';
import type { Fields } from './images.ts';

/** A container as somebody may have run it. */
export type Run = {
  /** Names what is special about it. */
  readonly title: string;
  readonly config?: Fields;
  readonly host?: Fields;
  /** How it is on its first network, in the engine's words. */
  readonly endpoint?: Fields;
  /** Networks that it is connected to after its creation. */
  readonly more?: Readonly<Record<string, Fields>>;
  readonly left?: readonly string[];
  /** Beyond what every replacement has. Each of them must occur. */
  readonly explained: readonly Explained[];
};

/** Stands for the id of the first network. */
export const BY_ID = 'first by its id';

export type Nets = {
  readonly first: string;
  readonly second: string;
  readonly prefix: string;
  readonly prefix6: string;
};

export const matrix = ({ first, second, prefix, prefix6 }: Nets): readonly Run[] => [
  { title: 'nothing set', explained: [] },
  { title: 'no network', host: { NetworkMode: 'none' }, explained: [] },
  { title: 'the host’s network', host: { NetworkMode: 'host' }, explained: [] },
  { title: 'another container’s network', host: { NetworkMode: 'container:companion' }, explained: [] },
  {
    title: 'two networks, a fixed address and aliases',
    host: { NetworkMode: first },
    endpoint: { IPAMConfig: { IPv4Address: `${prefix}.9` }, Aliases: ['db', 'store'] },
    more: { [second]: { IPAMConfig: { IPv4Address: `${prefix}.139` }, Aliases: ['second'] } },
    explained: [],
  },
  { title: 'a network without anything set', host: { NetworkMode: first }, explained: [] },
  {
    title: 'a network by its id',
    host: { NetworkMode: BY_ID },
    endpoint: { Aliases: ['by-id'] },
    explained: [namedNetwork],
  },
  {
    title: 'addresses of version 6 and of the link',
    host: { NetworkMode: first },
    endpoint: {
      IPAMConfig: { IPv4Address: `${prefix}.11`, IPv6Address: `${prefix6}:11`, LinkLocalIPs: ['169.254.214.11'] },
    },
    explained: [],
  },
  {
    title: 'a network that it was not created on',
    host: { NetworkMode: first },
    left: [first],
    more: { [second]: { IPAMConfig: { IPv4Address: `${prefix}.140` }, Aliases: ['moved'] } },
    explained: [],
  },
  {
    title: 'a MAC address that a person set',
    config: { MacAddress: '02:11:22:33:44:55' },
    host: { NetworkMode: first },
    endpoint: { IPAMConfig: { IPv4Address: `${prefix}.10` } },
    explained: [],
  },
  {
    title: 'a link on a network of its own',
    host: { NetworkMode: first },
    endpoint: { Links: ['friend:buddy'] },
    explained: [],
  },
  { title: 'a link of the old kind', host: { Links: ['companion:mate'] }, explained: [] },
  {
    title: 'named, bound and temporary volumes',
    host: {
      Binds: ['matrix-data:/data', 'matrix-seen:/seen:ro', '/tmp:/outside:ro'],
      Tmpfs: { '/scratch': 'size=64k', '/plain': '' },
      Mounts: [
        { Type: 'volume', Source: 'matrix-mounted', Target: '/mounted', VolumeOptions: { NoCopy: true } },
        { Type: 'tmpfs', Target: '/mounted-scratch', TmpfsOptions: { SizeBytes: 65_536 } },
        { Type: 'bind', Source: '/tmp', Target: '/mounted-outside', ReadOnly: true },
      ],
    },
    explained: [],
  },
  { title: 'a volume without a name', config: { Volumes: { '/unnamed': {} } }, explained: boundById },
  {
    title: 'a mount without a source',
    host: { Mounts: [{ Type: 'volume', Target: '/unnamed' }] },
    explained: [mountedById],
  },
  { title: 'volumes of another container', host: { VolumesFrom: ['companion:ro'] }, explained: [] },
  {
    title: 'fixed and random ports',
    config: { ExposedPorts: { '80/tcp': {}, '53/udp': {}, '99/tcp': {} } },
    host: {
      PortBindings: {
        '80/tcp': [{ HostIp: '127.0.0.1', HostPort: '0' }],
        '53/udp': [{ HostIp: '127.0.0.1', HostPort: '' }],
      },
    },
    explained: [anyHostPort],
  },
  {
    title: 'all ports published',
    config: { ExposedPorts: { '80/tcp': {} } },
    host: { PublishAllPorts: true },
    explained: [anyHostPort],
  },
  {
    title: 'capabilities, devices, sysctls and limits of processes',
    host: {
      CapAdd: ['NET_ADMIN'],
      CapDrop: ['MKNOD'],
      Devices: [{ PathOnHost: '/dev/null', PathInContainer: '/dev/nothing', CgroupPermissions: 'rw' }],
      DeviceCgroupRules: ['c 1:3 rwm'],
      Sysctls: { 'net.ipv4.ip_unprivileged_port_start': '80' },
      Ulimits: [{ Name: 'nofile', Soft: 512, Hard: 1024 }],
      PidsLimit: 64,
      OomScoreAdj: 100,
      GroupAdd: ['7'],
    },
    explained: [],
  },
  {
    title: 'limits of memory and processors',
    host: { Memory: 67_108_864, MemoryReservation: 33_554_432, NanoCpus: 500_000_000, CpuShares: 512, CpusetCpus: '0' },
    explained: [],
  },
  {
    title: 'a quota of processors and swap of its own',
    host: { Memory: 67_108_864, MemorySwap: 100_663_296, CpuPeriod: 50_000, CpuQuota: 25_000 },
    explained: [],
  },
  { title: 'swap without a limit', host: { Memory: 67_108_864, MemorySwap: -1 }, explained: [] },
  {
    title: 'a check of its own',
    config: { Healthcheck: { Test: ['CMD', '/bin/sh', '-c', 'exit 0'], Interval: 500_000_000, Retries: 7 } },
    explained: [],
  },
  { title: 'no check', config: { Healthcheck: { Test: ['NONE'] } }, explained: [] },
  {
    title: 'restarts on failure, five times',
    host: { RestartPolicy: { Name: 'on-failure', MaximumRetryCount: 5 } },
    explained: [],
  },
  { title: 'restarts always', host: { RestartPolicy: { Name: 'always', MaximumRetryCount: 0 } }, explained: [] },
  { title: 'restarts unless stopped', host: { RestartPolicy: { Name: 'unless-stopped' } }, explained: [] },
  {
    title: 'hostname, domain, name servers and extra hosts',
    config: { Hostname: 'web', Domainname: 'example.test' },
    host: {
      NetworkMode: first,
      ExtraHosts: ['far:10.0.0.9'],
      Dns: ['10.0.0.53'],
      DnsSearch: ['example.test'],
      DnsOptions: ['ndots:2'],
    },
    explained: [],
  },
  {
    title: 'namespaces of the host',
    host: { PidMode: 'host', IpcMode: 'host', UTSMode: 'host' },
    explained: [],
  },
  {
    title: 'shared memory, init, read-only files and security options',
    host: {
      ShmSize: 1_048_576,
      Init: true,
      ReadonlyRootfs: true,
      IpcMode: 'shareable',
      SecurityOpt: ['no-new-privileges'],
      MaskedPaths: [],
      ReadonlyPaths: [],
    },
    explained: [],
  },
  {
    title: 'logs with limits',
    host: { LogConfig: { Type: 'json-file', Config: { 'max-size': '1m', 'max-file': '2' } } },
    explained: [],
  },
  { title: 'no logs', host: { LogConfig: { Type: 'none', Config: {} } }, explained: [] },
  {
    title: 'a terminal, stdin, a stop signal and a time to stop',
    config: { Tty: true, OpenStdin: true, StopSignal: 'SIGINT', StopTimeout: 1 },
    explained: [],
  },
  {
    title: 'user, folder, variables, labels and command',
    config: {
      User: '7:7',
      WorkingDir: '/bin',
      Env: ['MODE=own', 'EMPTY=', 'FROM_IMAGE'],
      Labels: { owner: 'somebody', empty: '', 'dev.refit.service': 'shop', 'com.docker.compose.project': 'shop' },
      Cmd: ['exec sleep 9999'],
    },
    explained: [],
  },
  {
    title: 'an entrypoint of its own',
    config: { Entrypoint: ['/bin/busybox'], Cmd: ['sleep', '9999'] },
    explained: [],
  },
  {
    title: 'an entrypoint that was reset',
    config: { Entrypoint: [''], Cmd: ['/bin/busybox', 'sleep', '9999'] },
    explained: [],
  },
];
