import type { AnsibleTimes } from './ansible.ts';
import type { HandOffs } from './hand-off.ts';
import type { Outages } from './in-place.ts';
import type { KernelTimes } from './kernel.ts';
import { formatSummary, summarize } from './statistics.ts';
import type { UpgradeTimes } from './upgrade-times.ts';

/** What was aimed at. */
const GOALS = {
  perHostMs: 25,
  shareOfAnsible: 1 / 8,
  handOffMs: 5,
  shareOfCompose: 0.85,
  shareOfRestart: 1.1,
} as const;

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

export function reportAnsible({ version, raw, module }: AnsibleTimes, perHostMs: number): void {
  print(`${version}, one host after another, no facts; start-up not counted`);
  for (const { name, times } of [
    { name: 'one file checked by the copy module   ', times: module },
    { name: 'one raw command through the engine    ', times: raw },
  ]) {
    const perHost = summarize(times.perHost);
    print(`  ${name} ${formatSummary(perHost)} a host; refit takes 1/${(perHost.median / perHostMs).toFixed(1)} of it`);
    print(`    the whole play                       ${formatSummary(summarize(times.whole))}`);
  }
  const share = perHostMs / summarize(module.perHost).median;
  print(
    `  goal, beside the copy module: ${share <= GOALS.shareOfAnsible ? 'reached' : 'missed'}, at most 1/${1 / GOALS.shareOfAnsible}`,
  );
}

export function reportHandOff(chains: readonly HandOffs[], putToWatch: readonly number[]): void {
  const seen = summarize(chains.flatMap((chain) => chain.seen));
  const told = summarize(chains.flatMap((chain) => chain.told));
  const etcd = summarize(putToWatch);
  print(
    `daisy chain, a host's end to the next one's begin: ${formatSummary(told)}; goal ${verdict(told.median, GOALS.handOffMs)}`,
  );
  print(`  as a watcher sees them on the bus      ${formatSummary(seen)}: the begin's report is one write more`);
  print(
    `  etcd's own put to watch                ${formatSummary(etcd)}; the hand-off takes ${(told.median / etcd.median).toFixed(1)} of it`,
  );
}

/** refit's own first, then what it is measured against. */
export function reportInPlace([own, ...others]: readonly Outages[]): void {
  if (own === undefined) throw new Error('refit itself was not measured');
  const ownMs = summarize(own.ms).median;
  print(
    `one container to another image, the longest time without an answer; ${formatSummary(summarize(own.ms))} by refit`,
  );
  for (const { name, ms } of others) {
    const theirs = summarize(ms);
    print(`  ${name.padEnd(44)} ${formatSummary(theirs)}; refit takes ${(ownMs / theirs.median).toFixed(2)} of it`);
  }
  const share = (start: string): number =>
    ownMs / summarize(others.find(({ name }) => name.startsWith(start))?.ms ?? []).median;
  const goal = (start: string, most: number): string =>
    `${share(start) <= most ? 'reached' : 'missed'}, at most ${most} of`;
  print(
    `  goals: ${goal('docker-compose', GOALS.shareOfCompose)} compose's; ${goal('bare', GOALS.shareOfRestart)} a bare stop and start's`,
  );
}

/** What refit does more than a package and a restart: download, falling back set up, health, the report. */
export function reportKernel({ byHand, refit }: KernelTimes): void {
  const own = refit.install + refit.restart + refit.verify;
  print(`one virtual machine to another kernel, by hand: install ${byHand.install} s, restart ${byHand.restart} s`);
  print(`  by refit: install ${refit.install} s, restart ${refit.restart} s, verify ${refit.verify} s`);
  print(`  on the host ${(own / byHand.whole).toFixed(2)} of the time by hand`);
  print(`  from the command to its end ${refit.whole} s, with the agent's and the release's download`);
}

const verdict = (value: number, goal: number): string => `${goal} ms: ${value <= goal ? 'reached' : 'missed'}`;

/** From one host's answer to the next one's order. */
function gaps({ hosts }: UpgradeTimes): readonly number[] {
  return hosts.flatMap((host, index) => {
    const next = hosts[index + 1];
    return next === undefined ? [] : [next.scheduled - host.completed];
  });
}
