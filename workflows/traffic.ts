import type { HostId } from '../model/ids.ts';
import type { ServerPlace } from '../model/load-balancer.ts';
import type { Finding } from '../model/upgrade.ts';
import type { LeftDrained, WaveResult } from './wave-input.ts';

/** Findings that an upgrade keeps, and the length of one; its record stays under 16 kB. The last says how many more there were. */
const MAX_FINDINGS = 8;
const MAX_TEXT_LENGTH = 200;
/** What a wave's input has room for beside its hosts; characters. */
const MAX_LEFT_LENGTH = 8_000;

/** What an upgrade knows of its hosts' members behind load balancers. */
export class Traffic {
  private readonly found = new Map<string, Finding>();
  private readonly left = new Map<HostId, readonly ServerPlace[]>();

  /** A host that ended well in this wave has nothing left drained. */
  take({ outcomes, traffic }: WaveResult): void {
    if (traffic === undefined) return;
    for (const { host } of outcomes) this.left.delete(host);
    for (const { host, servers } of traffic.leftDrained) this.left.set(host, servers);
    for (const { what, ...rest } of traffic.findings) {
      const short = { ...rest, what: what.slice(0, MAX_TEXT_LENGTH) };
      this.found.set(JSON.stringify(short), short);
    }
  }

  leftOf(hosts: readonly HostId[]): readonly LeftDrained[] {
    let room = MAX_LEFT_LENGTH;
    return hosts.flatMap((host) => {
      const servers = this.left.get(host);
      if (servers === undefined) return [];
      room -= JSON.stringify({ host, servers }).length;
      return room < 0 ? [] : [{ host, servers }];
    });
  }

  findings(): readonly Finding[] {
    const all = [...this.found.values()];
    if (all.length <= MAX_FINDINGS) return all;
    const what = `${all.length - MAX_FINDINGS + 1} more warnings about members in traffic`;
    const remedy = 'look at the results of its waves in the Web UI';
    return [...all.slice(0, MAX_FINDINGS - 1), { host: null, severity: 'warning', what, remedy }];
  }
}
