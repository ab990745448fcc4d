import type { Command } from 'commander';
import type { Progress } from '../../model/upgrade.ts';
import type { FleetClient } from '../fleet-client.ts';
import type { FoundUpgrade } from '../upgrades.ts';
import { failUnknownUpgrade, upgradeIdFrom, withFleet } from './context.ts';
import { follow } from './follow.ts';
import { outputOf, withExamples, type CommonOptions } from './output.ts';
import { foundDocument, iso, progressDocument } from './progress-document.ts';
import { describeHost, progressLines, targetOf } from './progress-lines.ts';
import { formatDuration } from './quantity.ts';
import { table } from './table.ts';

/** Decisions that `show` ends with; `history` has all. */
const SHOWN_DECISIONS = 5;

/** `refit upgrades …`: what runs and what ran. */
export function registerUpgrades(program: Command): void {
  const upgrades = program.command('upgrades').description('what runs and what ran on the fleet');
  withExamples(
    upgrades.command('list', { isDefault: true }).description('the fleet’s upgrades, the latest first'),
    'refit upgrades',
    'refit upgrades list --json',
  ).action(list);
  withExamples(
    upgrades
      .command('show')
      .argument('<id>')
      .description('one upgrade: every host, what it waits for, what can be done'),
    'refit upgrades show lab-1',
    'refit upgrades show lab-1 --json',
  ).action(show);
  withExamples(
    upgrades
      .command('watch')
      .argument('<id>')
      .description('follow an upgrade live; on a terminal until it is over, else until an operator is needed'),
    'refit upgrades watch lab-1',
  ).action(watch);
  withExamples(
    upgrades.command('history').argument('<id>').description('every decision, by which rule, why and by whom'),
    'refit upgrades history lab-1',
  ).action(history);
}

async function list(options: CommonOptions): Promise<void> {
  const output = outputOf(options);
  await withFleet(async ({ fleet, upgrades }) => {
    const found = await upgrades.list();
    if (output.json) output.document({ fleet, upgrades: found.map(foundDocument) });
    else if (found.length === 0) output.say(`fleet ${fleet} had no upgrade yet; begin with: refit upgrade REFERENCE`);
    else output.say(listText(found));
  });
}

async function show(text: string, options: CommonOptions): Promise<void> {
  const output = outputOf(options);
  await withFleet(async (client) => {
    const progress = await known(client, text);
    if (output.json) output.document(progressDocument(progress));
    else output.say(showText(progress, Date.now()));
  });
}

async function watch(text: string, options: CommonOptions): Promise<void> {
  const output = outputOf(options);
  await withFleet(async ({ fleet, upgrades }) => {
    const id = upgradeIdFrom(text);
    const isThere = (await upgrades.list()).some((each) => each.id === id);
    if (!isThere) await failUnknownUpgrade({ fleet, upgrades }, text);
    // On a terminal somebody is there who may resume it in another window and wants to see it go on.
    await follow({ upgrades, id, asked: 'upgrade', stopsForOperator: !output.people.isTTY }, output);
  });
}

async function history(text: string, options: CommonOptions): Promise<void> {
  const output = outputOf(options);
  await withFleet(async (client) => {
    const progress = await known(client, text);
    if (output.json) output.document(progressDocument(progress));
    else output.say(historyText(progress));
  });
}

async function known(client: FleetClient, text: string): Promise<Progress> {
  return (await client.upgrades.progress(upgradeIdFrom(text))) ?? failUnknownUpgrade(client, text);
}

export function listText(found: readonly FoundUpgrade[]): string {
  const rows = found.map(({ id, release, state, phase, startedAt, finishedAt, requestedBy }) => {
    const took = finishedAt === null ? '' : formatDuration(finishedAt - startedAt);
    return [id, release, state, phase, clock(startedAt), took, requestedBy];
  });
  return table([['UPGRADE', 'RELEASE', 'STATE', 'PHASE', 'BEGAN', 'TOOK', 'BY'], ...rows]);
}

export function showText(progress: Progress, now: number): string {
  const { findings, error, waiting } = progress;
  const isSaid = waiting.some((wait) => error !== null && wait.what.includes(error));
  return [
    ...progressLines(progress, now).map((line) => line.text),
    ...(error === null || isSaid ? [] : [`error: ${error}`]),
    ...findings.map(({ host, severity, what, remedy }) => `${severity}: ${host ?? 'fleet'}: ${what}; ${remedy}`),
    ...progress.decisions.slice(-SHOWN_DECISIONS).map(decisionText),
  ].join('\n');
}

export function historyText(progress: Progress): string {
  return [
    `${clock(progress.startedAt)}  upgrade ${progress.id} to ${progress.release} began`,
    ...progress.decisions.map(decisionText),
    ...(progress.finishedAt === null ? [] : [`${clock(progress.finishedAt)}  ${progress.state}`]),
    'hosts:',
    ...progress.hosts.map((host) => `  ${describeHost(host, targetOf(progress))}`),
  ].join('\n');
}

const decisionText = ({ at, rule, decision, because, by }: Progress['decisions'][number]): string =>
  `${clock(at)}  ${by}: ${decision} (${rule}: ${because})`;

/** UTC, as in every other place that the same moment may be looked up. */
const clock = (ms: number): string => (iso(ms) ?? '').slice(0, 19).replace('T', ' ');
