import type { HostFacts } from './bus.ts';
import { error, warning } from './finding.ts';
import type { HostId } from './ids.ts';
import type { ReadRelease } from './registry.ts';
import { releaseLabel, type KernelStep } from './release.ts';
import type { Finding } from './upgrade.ts';

type Brought = { readonly step: KernelStep; readonly label: string };

/** What would leave a host that can't start a new kernel without the earlier one. Once a host, however many hops bring one. */
export function kernelFindings({
  host,
  facts,
  hops,
}: {
  readonly host: HostId;
  readonly facts: HostFacts;
  readonly hops: readonly ReadRelease[];
}): readonly Finding[] {
  const kernels = hops.flatMap(({ ref, release }) =>
    release.host.steps.flatMap((step) => (step.type === 'kernel' ? { step, label: releaseLabel(ref) } : [])),
  );
  const [first] = kernels;
  return first === undefined
    ? []
    : [...bootLoaderFindings(host, facts, first), ...overwritten(host, facts, kernels).slice(0, 1)];
}

function bootLoaderFindings(host: HostId, { bootLoader }: HostFacts, { step, label }: Brought): readonly Finding[] {
  const what = `${label} brings kernel ${step.kernel}`;
  if (bootLoader === null) {
    const unknown = `${what}, and its agent is of before kernels and can't say whether the host could come back from it`;
    return [warning(host, unknown, `nothing to do: the step ${step.id} itself looks before it changes anything`)];
  }
  if (bootLoader.problem === null) return [];
  const unable = `${what}, and the host could not come back from one that does not start: ${bootLoader.problem}`;
  const remedy = `mend the boot loader of ${host} (docs/operating.md, Kernels), or take a release without the step ${step.id}`;
  return [error(host, unable, remedy)];
}

/** A package of the same name takes the earlier one's place: then there are not two kernels, but one that was overwritten. */
function overwritten(host: HostId, { packages }: HostFacts, kernels: readonly Brought[]): readonly Finding[] {
  return kernels.flatMap(({ step, label }) => {
    const { name, version } = step.package;
    const found = packages[name];
    if (found === undefined || found.version === version) return [];
    const what = `package ${name} ${found.version} is installed, and ${version} of ${label} would overwrite it, so that there is no way back`;
    return [error(host, what, 'build the release with a kernel whose package has another name')];
  });
}
