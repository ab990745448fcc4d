import type { WorkerVersion } from '../../model/upgrader.ts';
import type { UpgraderHost, UpgraderStatus } from '../upgrader-status.ts';
import { table } from './table.ts';

/** The upgrader for people: its containers, then Temporal's versions of its workers. */
export function upgraderLines({ hosts, versions }: UpgraderStatus): readonly string[] {
  const containers = hosts.flatMap(containerRows);
  return [
    hosts.length === 0
      ? 'no host carries the upgrader: say so in the fleet file with carries: { upgrader: true }'
      : table([['HOST', 'CONTAINER', 'BUILD', 'STATE', 'HEALTH'], ...containers]),
    '',
    versions.length === 0
      ? 'temporal knows no versions of its workers; workers from the sources have none'
      : table([['BUILD', 'CURRENT', 'OPEN RUNS', 'WORKERS'], ...versions.map(versionRow)]),
  ];
}

function containerRows({ host, containers, problem }: UpgraderHost): readonly (readonly string[])[] {
  if (problem !== null) return [[host, problem, '', '', '']];
  if (containers.length === 0) return [[host, 'none', '', '', '']];
  return containers.map(({ name, build, state, health }) => [host, name, build, state, health]);
}

const versionRow = ({ build, isCurrent, openRuns, workers }: WorkerVersion): readonly string[] => [
  ...[build, isCurrent ? 'current' : '', String(openRuns), workers.length === 0 ? 'none' : workers.join(', ')],
];
