import type { AnsibleTimes } from './ansible.ts';
import { formatMs, formatSummary, summarize } from './statistics.ts';
import type { UpgradeTimes } from './upgrade-times.ts';

/** What was aimed at. */
const GOALS = { perHostMs: 25, shareOfAnsible: 1 / 8, handOffMs: 5 } as const;

const print = (line: string): void => {
  process.stdout.write(`${line}\n`);
};

/** Returns refit's own time a host, to compare others with. */
export function reportOverhead(runs: readonly UpgradeTimes[], hosts: number): number {
  const perHost = summarize(runs.map(({ installMs }) => installMs / hosts));
  const all = runs.flatMap((run) => run.hosts);
  const dispatch = summarize(all.map(({ scheduled, started }) => started - scheduled));
  const order = summarize(all.map(({ started, completed }) => completed - started));
  const between = summarize(runs.flatMap((run) => gaps(run)));
  print(
    `refit, serial, no-op steps, ${hosts} hosts: ${formatSummary(perHost)} a host; goal ${verdict(perHost.median, GOALS.perHostMs)}`,
  );
  print(`  Temporal hands the order to a worker   ${formatSummary(dispatch)}`);
  print(`  order, agent, report, answer           ${formatSummary(order)}`);
  print(`  answer to the next host's order        ${formatSummary(between)}`);
  print(`  the whole run, download and checks too ${formatSummary(summarize(runs.map(({ runMs }) => runMs)))}`);
  return perHost.median;
}

export function reportAnsible(ansible: AnsibleTimes, hosts: number, perHostMs: number): void {
  const slope = (all: number, one: number): number => (all - one) / (hosts - 1);
  const raw = slope(ansible.rawMs, ansible.rawOneMs);
  const module = slope(ansible.moduleMs, ansible.moduleOneMs);
  print(`${ansible.version}, one host after another, no facts; start-up not counted`);
  print(
    `  one file checked by the copy module    ${formatMs(module)} a host; refit takes 1/${(module / perHostMs).toFixed(1)} of it, goal 1/${1 / GOALS.shareOfAnsible}`,
  );
  print(
    `  one raw command through the engine     ${formatMs(raw)} a host; refit takes 1/${(raw / perHostMs).toFixed(1)} of it`,
  );
  print(`  the whole play                         ${formatMs(ansible.moduleMs)}, raw ${formatMs(ansible.rawMs)}`);
}

export function reportHandOff(handOffs: readonly number[], putToWatch: readonly number[]): void {
  const handOff = summarize(handOffs);
  const etcd = summarize(putToWatch);
  print(
    `daisy chain, a host done to the next at work, as a watcher sees it: ${formatSummary(handOff)}; goal ${verdict(handOff.median, GOALS.handOffMs)}`,
  );
  print(
    `  etcd's own put to watch                ${formatSummary(etcd)}; the hand-off takes ${(handOff.median / etcd.median).toFixed(1)} of it`,
  );
}

const verdict = (value: number, goal: number): string => `${goal} ms: ${value <= goal ? 'reached' : 'missed'}`;

/** From one host's answer to the next one's order. */
function gaps({ hosts }: UpgradeTimes): readonly number[] {
  return hosts.flatMap((host, index) => {
    const next = hosts[index + 1];
    return next === undefined ? [] : [next.scheduled - host.completed];
  });
}
