import { attempt, call } from '../../lab/programs.ts';

/** Nobody routes to a test's containers, so all bridges may have the same link-local address. */
const ADDRESS = '169.254.213.1/24';

/** What mkdtemp adds to a prefix, in characters. A network interface's name has at most 15. */
const UNIQUE_LENGTH = 6;

/**
 * The bridge of the engine that lives in that folder. An engine without a bridge of its own (`--bridge=none` too) would take
 * docker0 from the machine's engine: make it its own, or delete it.
 */
export const bridgeOf = (folder: string): string => `refit-${folder.slice(-UNIQUE_LENGTH)}`;

export async function addBridge(name: string): Promise<void> {
  if (await isThere(name)) return;
  await call('ip', ['link', 'add', name, 'type', 'bridge']);
  await call('ip', ['address', 'add', ADDRESS, 'dev', name]);
}

export async function removeBridge(name: string): Promise<void> {
  if (await isThere(name)) await call('ip', ['link', 'delete', name]);
}

async function isThere(name: string): Promise<boolean> {
  return (await attempt('ip', ['link', 'show', name])).exitCode === 0;
}
