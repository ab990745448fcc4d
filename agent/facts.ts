import { existsSync, readFileSync } from 'node:fs';
import { arch, release } from 'node:os';
import { z } from 'zod';
import type { AgentPhase } from '../model/agent-phase.ts';
import type { HostFacts, InstalledRelease } from '../model/bus.ts';
import { parseDigest } from '../model/ids.ts';
import { bootLoaderFacts } from './boot-loader/boot-loader.ts';
import { findBootLoader } from './boot-loader/find.ts';
import { freeSpace } from './disk-space.ts';
import { driftReader, type DriftReader } from './drift.ts';
import { ENGINE_PACKAGES, isInstalled, readPackages } from './dpkg-status.ts';
import { findKeptPackage, packagesInReleases } from './kept-packages.ts';
import type { Places } from './places.ts';

/** How long facts stay good; ms. Reading them takes a few ms of the host's time. */
const FRESH_MS = 30_000;
/** Most packages that facts name, so that a sign of life stays small. */
const MAX_PACKAGES = 64;

const Installed = z
  .object({ name: z.string(), version: z.string(), digest: z.string().transform(parseDigest) })
  .nullable();

export type FactsOptions = {
  readonly agent: string | null;
  readonly phase: AgentPhase;
  /** Names of the packages asked for, besides those of releases on the disk. */
  readonly packages: readonly string[];
  readonly drift: DriftReader;
};

/** What can be known of a host without touching it. */
export function readFacts(places: Places, { agent, phase, packages, drift }: FactsOptions): HostFacts {
  const { freeBytes, totalBytes } = freeSpace(places.state);
  return {
    diskFreeBytes: freeBytes,
    diskTotalBytes: totalBytes,
    kernel: release(),
    architecture: arch(),
    clockMs: Date.now(),
    installed: readInstalled(places),
    agent,
    phase,
    packages: packageFacts(places, packages),
    bootLoader: bootLoaderFacts(findBootLoader(places)),
    engine: engineFacts(places),
    drift: drift(),
  };
}

/** Facts for signs of life: read anew only when the last ones are old. */
export function freshFacts(places: Places, agent: string): (phase: AgentPhase) => HostFacts {
  let last: HostFacts | null = null;
  const drift = driftReader(places);
  return (phase) => {
    if (last === null || last.phase !== phase || Date.now() - last.clockMs > FRESH_MS) {
      last = readFacts(places, { agent, phase, packages: [], drift });
    }
    return last;
  };
}

function packageFacts(places: Places, asked: readonly string[]): HostFacts['packages'] {
  const names = new Set([...asked, ...packagesInReleases(places).map(({ name }) => name)].slice(0, MAX_PACKAGES));
  const facts: Record<string, HostFacts['packages'][string]> = {};
  for (const [name, status] of names.size === 0 ? [] : readPackages(places.root, names)) {
    if (!isInstalled(status)) continue;
    facts[name] = { version: status.version, restorable: findKeptPackage(places, name, status) !== null };
  }
  return facts;
}

function engineFacts(places: Places): HostFacts['engine'] {
  const found = readPackages(places.root, new Set(ENGINE_PACKAGES));
  const name = ENGINE_PACKAGES.find((one) => isInstalled(found.get(one)));
  const version = name === undefined ? undefined : found.get(name)?.version;
  return name === undefined || version === undefined ? null : { package: name, version };
}

/** Damage is not this reader's to report: the agent's journals are the truth. */
function readInstalled(places: Places): InstalledRelease | null {
  if (!existsSync(places.installed)) return null;
  const parsed = Installed.safeParse(JSON.parse(readFileSync(places.installed, 'utf8')));
  return parsed.success ? parsed.data : null;
}
