import { appendFileSync, existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runAgent } from '../../../agent/core/agent.ts';
import { openDisk } from '../../../agent/disk.ts';
import { hostClock } from '../../../agent/host-clock.ts';
import { placesUnder } from '../../../agent/places.ts';
import type { HostSteps } from '../../../agent/ports.ts';
import { hostProbes } from '../../../agent/probes.ts';
import { noMember } from '../../../agent/quorum.ts';
import { openReleases } from '../../../agent/releases.ts';
import { createHostSteps } from '../../../agent/steps/host-steps.ts';
import { parseRelease } from '../../../drivers/release/release-json.ts';
import { encodeBusValue, parseOrder, parseReport } from '../../../drivers/bus-values.ts';
import { busKeys } from '../../../model/bus.ts';
import { parseFleetId, parseHostId } from '../../../model/ids.ts';
import { MemoryBus } from '../../fakes/memory-bus.ts';
import { noEngine } from '../fake-engine.ts';

// An agent in a process of its own, to be killed: FOLDER ORDER. It ends by itself when the order is settled, and writes the
// report to FOLDER/report. Steps are the real ones, each effect counted in FOLDER/effects.
const [folder = '', orderText = ''] = process.argv.slice(2);
const host = parseHostId('host-1');
const fleet = parseFleetId('test');
const keys = busKeys(fleet);
const places = placesUnder(folder);
const order = parseOrder(orderText);
if (!order.ok) throw new Error(order.problem);

const memory = new MemoryBus();
const bus = memory.connect();
const real = createHostSteps(places, noEngine);
const steps: HostSteps = {
  ...real,
  apply: async (step, place) => {
    const isThere = await real.check(step, place);
    await real.apply(step, place);
    if (!isThere) appendFileSync(join(folder, 'effects'), `${step.id}\n`);
  },
};
void runAgent(
  { host, fleet, version: 'kill' },
  {
    bus,
    clock: hostClock,
    disk: openDisk(places),
    releases: openReleases(places, parseRelease),
    steps,
    probes: hostProbes,
    quorum: noMember,
    boot: { bootId: () => 'boot', kernel: () => 'sim', reboot: () => Promise.resolve() },
    facts: (phase) => ({
      diskFreeBytes: 0,
      diskTotalBytes: 0,
      kernel: '',
      architecture: '',
      clockMs: 0,
      installed: null,
      agent: 'kill',
      phase,
      packages: {},
      bootLoader: null,
      engine: null,
      drift: [],
    }),
    log: () => undefined,
  },
  new AbortController().signal,
);
await bus.write({ conditions: [], puts: [{ key: keys.order(host), value: encodeBusValue(order.value) }] });
bus.watch(
  keys.host(host),
  (entries) => {
    const report = parseReport(entries.find(({ key }) => key === keys.report(host))?.value ?? '');
    const isOver = report.ok && (report.value.refused !== null || report.value.finishedAt !== null);
    if (!isOver) return;
    if (!existsSync(join(folder, 'report'))) writeFileSync(join(folder, 'report'), JSON.stringify(report.value));
    process.exit(0);
  },
  new AbortController().signal,
);
