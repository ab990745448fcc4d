import { execa } from 'execa';
import { lab } from './refit.ts';

/** One change of a key, in etcd's own order. */
export type Change = {
  readonly revision: number;
  readonly key: string;
  readonly value: Readonly<Record<string, unknown>> | null;
};

type WatchLine = {
  readonly Events?: readonly {
    readonly type?: number;
    readonly kv: { readonly key: string; readonly value?: string; readonly mod_revision: number };
  }[];
};

/** etcdctl has no "until now": it is stopped when nothing more has come for this long; s. */
const QUIET_S = 2;

/** Everything that ever happened under the fleet's keys since the revision, from etcd itself. */
export async function busHistory(since = 1): Promise<readonly Change[]> {
  const watch = `timeout ${QUIET_S} etcdctl watch --prefix /refit/v1/${lab.name}/ --rev=${since} -w json`;
  const args = ['exec', '-e', 'ETCDCTL_API=3', lab.container('host-1'), 'sh', '-c', watch];
  const { stdout } = await execa('docker', args, { reject: false, maxBuffer: 256 * 1024 ** 2 });
  return stdout
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .flatMap(changes);
}

export async function busRevision(): Promise<number> {
  const args = ['exec', '-e', 'ETCDCTL_API=3', lab.container('host-1'), 'etcdctl', 'get', '/', '-w', 'json'];
  const { stdout } = await execa('docker', args);
  return (JSON.parse(stdout) as { readonly header: { readonly revision: number } }).header.revision;
}

/** The most hosts that were ordered and had not reported an end, at any revision; and the order in which they went. */
export function openOrders(history: readonly Change[]): { readonly most: number; readonly order: readonly string[] } {
  const open = new Map<string, string>();
  const order: string[] = [];
  let most = 0;
  for (const { key, value } of history) {
    const match = /\/hosts\/([^/]+)\/(order|report)$/.exec(key);
    const host = match?.[1];
    if (host === undefined || value === null) continue;
    const number = `${String(value['epoch'])}.${String(value['sequence'])}`;
    if (match?.[2] === 'order' && (value['action'] === 'install' || value['action'] === 'revert')) {
      if (open.get(host) !== number) order.push(host);
      open.set(host, number);
      most = Math.max(most, open.size);
    } else if (match?.[2] === 'report' && open.get(host) === number && isSettled(value)) {
      open.delete(host);
    }
  }
  return { most, order };
}

function isSettled(report: Readonly<Record<string, unknown>>): boolean {
  return report['refused'] !== null || ['done', 'reverted', 'stuck'].includes(String(report['phase']));
}

function changes(line: string): readonly Change[] {
  const { Events = [] } = JSON.parse(line) as WatchLine;
  return Events.map(({ kv }) => ({
    revision: kv.mod_revision,
    key: Buffer.from(kv.key, 'base64').toString(),
    value: kv.value === undefined ? null : (JSON.parse(Buffer.from(kv.value, 'base64').toString()) as Change['value']),
  }));
}
