import type { HostId } from '../model/ids.ts';
import { latestWord } from '../model/latest-word.ts';
import { RegistryError } from '../model/registry.ts';
import { releaseLabel, type Release, type ReleaseRef } from '../model/release.ts';
import type { Finding } from '../model/upgrade.ts';
import { readFleetLevels, type HostLevel } from './host-levels.ts';
import type { FindMembersInput } from './member-activities.ts';
import type { Ports } from './ports.ts';
import type { ReleaseCache } from './release-cache.ts';

export type AgentPorts = Pick<Ports, 'bus' | 'values'> & { readonly releases: ReleaseCache };

/** What speaks against telling the agents of these hosts: each does only what the release that it is on says. */
export async function judgeAgents(
  ports: AgentPorts,
  input: FindMembersInput & { readonly hosts: readonly HostId[] },
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  const { release, hosts, fleet } = input;
  if (release === null) {
    return [problem(null, 'agents upgrade a service as a release says, and none is named', 'name it: --release REF')];
  }
  const levels = await readFleetLevels(ports, fleet, hosts);
  const ofHosts = hosts.flatMap((host) => judgeHost(host, levels.get(host) ?? null, release));
  return [...(await judgeRelease(ports, { ...input, release }, signal)), ...ofHosts];
}

function judgeHost(host: HostId, level: HostLevel | null, release: ReleaseRef): readonly Finding[] {
  if (level?.alive == null) {
    const remedy = 'start it on the host: systemctl start refit-agent; or upgrade without agents: --mode inPlace';
    return [problem(host, 'no agent shows life there', remedy)];
  }
  const installed = latestWord(level.report, level.alive)?.installed ?? null;
  if (installed?.digest === release.digest) return [];
  const on = installed === null ? 'no release' : releaseLabel(installed);
  return [problem(host, `is on ${on}, not on ${releaseLabel(release)}`, 'upgrade the fleet first: refit upgrade REF')];
}

/** A registry that is away is thrown, and asked again. */
async function judgeRelease(
  ports: AgentPorts,
  { service, reference, release }: FindMembersInput & { readonly release: ReleaseRef },
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  const label = releaseLabel(release);
  const read = await readRelease(ports, release, signal);
  if ('problem' in read) return [problem(null, read.problem, 'publish the release, or name another')];
  const named = read.release.services.find(({ name }) => name === service.name);
  if (named === undefined) {
    return [problem(null, `${label} has no service ${service.name}`, 'name a release that has it')];
  }
  if (digestOf(named.image) === digestOf(reference)) return [];
  const what = `${label} names ${named.image} for ${service.name}, not ${reference}`;
  return [problem(null, what, `upgrade to ${named.image}, or upgrade without agents: --mode inPlace`)];
}

async function readRelease(
  { releases }: AgentPorts,
  ref: ReleaseRef,
  signal: AbortSignal,
): Promise<{ readonly release: Release } | { readonly problem: string }> {
  try {
    return await releases.read(ref, signal);
  } catch (error) {
    if (!(error instanceof RegistryError) || error.kind === 'unreachable') throw error;
    return { problem: error.message };
  }
}

const digestOf = (reference: string): string => reference.slice(reference.lastIndexOf('@') + 1);

const problem = (host: HostId | null, what: string, remedy: string): Finding => ({
  ...{ host, severity: 'error', what, remedy },
});
