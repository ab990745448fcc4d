import type { HopRun } from './hop-run.ts';

/**
 * Why what was before this hop can't come back although no migration stands in the way. A service whose containers are
 * created anew remembers one image: over two hops that changed it there is no way back but for the last of them.
 */
export function forwardOnlyOf(hops: readonly HopRun[], index: number): string | null {
  const created = hops[index]?.services.names().find((name) => {
    const isChanged = (hop: HopRun): boolean =>
      hop.services.changed.has(name) && hop.services.loaded.get(name)?.policy.mode === 'create';
    return hops.slice(index + 1).some(isChanged) && hops.slice(index, index + 1).some(isChanged);
  });
  return created === undefined
    ? null
    : `service ${created} is created anew at each hop (mode create), so only its last image is known`;
}
