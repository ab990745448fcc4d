import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { runAgent } from '../../agent/core/agent.ts';
import { openDisk } from '../../agent/disk.ts';
import { placesUnder, type Places } from '../../agent/places.ts';
import type { AgentPorts, Boot } from '../../agent/ports.ts';
import { hostProbes } from '../../agent/probes.ts';
import { noMember } from '../../agent/quorum.ts';
import { openReleases, sha256 } from '../../agent/releases.ts';
import { createHostSteps } from '../../agent/steps/host-steps.ts';
import { pause } from '../../drivers/pause.ts';
import { parseReport } from '../../drivers/bus-values.ts';
import { encodeRelease, parseRelease } from '../../drivers/release/release-json.ts';
import { busKeys, type Order, type Report } from '../../model/bus.ts';
import type { ContainerEngine } from '../../model/engine.ts';
import { parseDigest, parseFleetId, parseHostId, parseStepId, parseUpgradeId } from '../../model/ids.ts';
import type { IfEdited, Release, ReleaseRef, Step } from '../../model/release.ts';
import { eventually } from '../eventually.ts';
import { MemoryBus } from '../fakes/memory-bus.ts';
import { noEngine } from './fake-engine.ts';

export const fleet = parseFleetId('test');
export const me = parseHostId('host-1');
export const keys = busKeys(fleet);
export const upgradeOne = parseUpgradeId('upgrade-1');

/** A host in a folder: the real agent's core, disk, releases and steps; the bus in memory. */
export class TestHost {
  readonly folder = mkdtempSync(join(tmpdir(), 'refit-agent-'));
  readonly places: Places = placesUnder(this.folder);
  readonly bus = new MemoryBus();
  readonly logs: string[] = [];
  readonly #stops: AbortController[] = [];
  #sequence = 0;

  /** Puts a release on the disk, as the Downloader Job would. */
  stage(release: {
    version: string;
    steps: readonly Step[];
    files?: Readonly<Record<string, string>>;
    host?: Partial<Release['host']>;
    services?: Release['services'];
  }): ReleaseRef {
    const files = release.files ?? {};
    const contents = Object.entries(files).map(([path, text]) => ({
      path,
      sha256: sha256(text),
      sizeBytes: text.length,
    }));
    const health = { probes: [], minHealthyTimeMs: 0, deadlineMs: 5_000 };
    const host = { deadlineMs: 60_000, diskFreeBytes: 0, steps: release.steps, health, ...release.host };
    const json = encodeRelease({
      schema: 1,
      name: 'sample',
      version: release.version,
      upgradesFrom: [],
      fleets: [],
      host,
      services: release.services ?? [],
      units: [],
      ...{ chain: [], components: {}, migrations: [], backup: null, upgrader: null },
      contents,
    });
    const digest = parseDigest(`sha256:${sha256(`image of ${json}`)}`);
    for (const [path, text] of [...Object.entries(files), ['release.json', json] as const]) {
      write(join(this.places.release(digest), path), text);
    }
    const ref = { name: 'sample', version: release.version, repository: 'registry.lab:5000/sample', digest };
    return { ...ref, contents: parseDigest(`sha256:${sha256(json)}`) };
  }

  /** Starts an agent; its ports may be replaced one by one. */
  start(ports: Partial<AgentPorts> & { engine?: ContainerEngine } = {}): { stop: () => void; failure: Promise<Error> } {
    const stop = new AbortController();
    this.#stops.push(stop);
    const boot: Boot = { bootId: () => 'boot-1', kernel: () => '6.1', reboot: () => Promise.resolve() };
    const identity = { host: me, fleet, version: '1.0.0+test' };
    const failure = runAgent(
      identity,
      {
        bus: this.bus.connect(),
        clock: { now: () => Date.now(), sleep: (ms, signal) => pause(ms, signal ?? new AbortController().signal) },
        disk: openDisk(this.places),
        releases: openReleases(this.places, parseRelease),
        steps: createHostSteps(this.places, ports.engine ?? noEngine),
        probes: hostProbes,
        quorum: noMember,
        boot,
        facts: (phase) => ({
          diskFreeBytes: 1,
          diskTotalBytes: 2,
          kernel: '6.1',
          architecture: 'x64',
          clockMs: 0,
          installed: null,
          agent: identity.version,
          phase,
          packages: {},
          bootLoader: null,
          engine: null,
          drift: [],
        }),
        log: (event, fields) => this.logs.push(`${event} ${JSON.stringify(fields)}`),
        ...ports,
      },
      stop.signal,
    ).catch((error: unknown) => (error instanceof Error ? error : new Error(String(error))));
    return { stop: () => stop.abort(), failure };
  }

  /** Writes an order; epoch 1 and the next sequence unless given. */
  async order(release: ReleaseRef, order: Partial<Order> = {}): Promise<Order> {
    this.#sequence += 1;
    const whole: Order = {
      v: 1,
      upgrade: upgradeOne,
      hop: 0,
      epoch: 1,
      sequence: this.#sequence,
      action: 'install',
      release,
      step: null,
      service: null,
      edited: null,
      start: 'now',
      deadlineMs: 60_000,
      ...order,
    };
    await this.put(keys.order(me), whole);
    return whole;
  }

  async put(key: string, value: unknown): Promise<void> {
    const text = typeof value === 'string' ? value : JSON.stringify(value);
    await this.bus.connect().write({ conditions: [], puts: [{ key, value: text }] });
  }

  report(): Report | null {
    const entry = this.bus.under(keys.report(me))[0];
    if (entry === undefined) return null;
    const parsed = parseReport(entry.value);
    if (!parsed.ok) throw new Error(parsed.problem);
    return parsed.value;
  }

  /** The report for this order, once the check holds. */
  async reported(order: Order, check: (report: Report) => boolean, withinMs = 10_000): Promise<Report> {
    const found = await eventually(
      () => {
        const report = this.report();
        const isFor = report?.epoch === order.epoch && report.sequence === order.sequence;
        if (report !== null && isFor && check(report)) return report;
        throw new Error(`the last report is ${JSON.stringify(report)}; log: ${this.logs.slice(-5).join('\n')}`);
      },
      { withinMs },
    );
    return found;
  }

  settled(order: Order): Promise<Report> {
    return this.reported(
      order,
      ({ refused, phase }) => refused !== null || phase === 'done' || phase === 'reverted' || phase === 'stuck',
    );
  }

  close(): void {
    for (const stop of this.#stops) stop.abort();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

export function write(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}

/** A program of the shell's. */
export function writeProgram(path: string, does: string, shell = 'sh'): void {
  write(path, `#!/bin/${shell}\n${does}\n`);
  chmodSync(path, 0o755);
}

export const filesStep = (
  id: string,
  files: Readonly<Record<string, string>>,
  ifEdited: IfEdited = 'replace',
): Step => ({
  id: parseStepId(id),
  type: 'files',
  files: Object.entries(files).map(([from, to]) => ({
    from,
    to,
    mode: '0644',
    owner: String(uid),
    group: String(gid),
    ifEdited,
  })),
});

const uid = process.getuid?.() ?? 0;
const gid = process.getgid?.() ?? 0;

/** A step that writes a line into a file of its own, so that the lines count its effects. */
export const countingStep = (id: string, file: string, more: Partial<Extract<Step, { type: 'run' }>> = {}): Step => ({
  id: parseStepId(id),
  type: 'run',
  check: ['test', '-e', file],
  command: ['sh', '-c', `echo ${id} >>${file}`],
  undo: ['rm', '-f', file],
  probe: null,
  timeoutMs: 10_000,
  ...more,
});
