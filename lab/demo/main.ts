import { join } from 'node:path';
import { openLab, type Lab } from '../lab.ts';
import { shopUrls, webUrl } from '../haproxy.ts';
import { REGISTRY_NAME, registryEndpoint } from '../registry.ts';
import { DEFAULT_LAB } from '../paths.ts';
import type { Fleet } from '../../model/fleet.ts';
import type { LabState } from '../state.ts';
import { SAMPLE_REPOSITORY, publishSample } from '../sample/publish.ts';
import { FIRST_VERSION, NEXT_VERSION } from '../sample/sample.ts';
import { publishWeb } from '../sample/web-image.ts';
import { findWebMembers, startWebMembers } from '../sample/web-members.ts';
import { temporalUi } from '../temporal.ts';
import { startLoad, type Seen } from './load.ts';
import { measure, versionOf, type DemoHost, type Measured } from './measure.ts';
import { say, step } from './narration.ts';
import { runRefit, latestTimes } from './refit.ts';
import { resultTable, serviceLine } from './result.ts';
import { showUnit } from './unit.ts';

/** Its users come through the load balancer. */
const SERVICE = 'web';
/** The first release goes to one host, and when that is healthy to all others: nobody uses the platform yet. */
const FIRST_INSTALL = ['--install', 'waves', '--waves', '1,100%'];

/** `npm run demo`: a whole fleet from one release to the next, under requests. */
async function main(): Promise<number> {
  const lab = openLab();
  step(
    1,
    'Bring up a lab: hosts with systemd, dpkg and a Docker Engine each, a registry, etcd, Temporal and a worker.',
  );
  const up = await lab.up({ say });
  if (up.kind === 'refused') throw new Error(up.reason);
  const hosts = up.state.hosts.map(({ name, ports }): DemoHost => ({ name, httpPort: ports.http }));
  say(`the lab is up: ${hosts.map(({ name }) => name).join(', ')}`);

  step(2, 'Build two releases of a sample platform and publish them. A release is one container image.');
  await publish(up.state, lab);

  step(3, `See that every host is on the first release, ${FIRST_VERSION}.`);
  await ensureWeb(up.state, lab);
  const before = await bringToFirst(lab, hosts);
  if (before === null) return 1;
  const isThere = before.every((host) => versionOf(host) === NEXT_VERSION);
  if (isThere)
    say(`every host is on ${NEXT_VERSION} already; to see it from the start: npx refit lab down, then npm run demo`);

  step(
    4,
    `Upgrade the fleet to ${NEXT_VERSION}, one host after another, while requests go to every host and to its web service.`,
  );
  const { exitCode, seen, times } = await upgradeUnderLoad(lab, up.state);
  if (exitCode !== 0) say(`refit ended with exit code ${exitCode}`);

  step(5, 'Ask every host what it runs: its daemon, its package database, its name server and its web servers.');
  const after = await Promise.all(hosts.map((host) => measure(lab, host)));
  process.stdout.write(`\n${resultTable({ before, after, seen, times })}\n\n`);
  say(serviceLine(after, seen.get(SERVICE)));
  const urls = up.state.balancer === null ? null : shopUrls(up.state.balancer);
  const isUnitThere = urls !== null && (await showUnit(lab, urls, registriesOf(up.state)));
  const exit = conclude(lab, up.state, after);
  if (!isUnitThere) say(`the unit was not measured at ${NEXT_VERSION} with every request answered`);
  return isUnitThere ? exit : 1;
}

async function publish(state: LabState, lab: Lab): Promise<void> {
  const registries = registriesOf(state);
  for (const version of [FIRST_VERSION, NEXT_VERSION]) {
    const { digest } = await publishSample({ version, folder: join(lab.paths.folder, 'sample'), registries });
    say(`${SAMPLE_REPOSITORY}:${version} is ${digest}`);
  }
}

const registriesOf = ({ registry }: LabState): Fleet['registries'] => ({
  [REGISTRY_NAME]: { endpoint: registryEndpoint(registry.port), credentialsFile: null },
});

/** Two web servers a host, started by hand as on a platform that refit never saw. */
async function ensureWeb(state: LabState, lab: Lab): Promise<void> {
  const image = await publishWeb({ version: FIRST_VERSION, registries: registriesOf(state) });
  const start = async ({ name }: LabState['hosts'][number]): Promise<boolean> => {
    if ((await findWebMembers(lab, name)).length > 0) return false;
    await startWebMembers(lab, name, { image });
    return true;
  };
  const started = await Promise.all(state.hosts.map(start));
  if (started.includes(true)) say(`two web servers ${FIRST_VERSION} on each host, behind the load balancer`);
}

/** Null: the first release could not be installed. A host that is ahead is left alone. */
async function bringToFirst(lab: Lab, hosts: readonly DemoHost[]): Promise<readonly Measured[] | null> {
  const found = await Promise.all(hosts.map((host) => measure(lab, host)));
  if (found.some((host) => versionOf(host) === NEXT_VERSION)) {
    for (const host of found) say(`${host.host} is on ${versionOf(host) ?? 'no release, or between two'}`);
    return found;
  }
  const exitCode = await runRefit(lab, ['upgrade', `${SAMPLE_REPOSITORY}:${FIRST_VERSION}`, ...FIRST_INSTALL]);
  if (exitCode !== 0) return null;
  return Promise.all(hosts.map((host) => measure(lab, host)));
}

async function upgradeUnderLoad(
  lab: Lab,
  { hosts, balancer }: LabState,
): Promise<{
  readonly exitCode: number;
  readonly seen: ReadonlyMap<string, Seen>;
  readonly times: ReadonlyMap<string, number>;
}> {
  const load = startLoad([
    ...hosts.map(({ name, ports }) => ({ name, url: `http://127.0.0.1:${ports.http}/health` })),
    ...(balancer === null ? [] : [{ name: SERVICE, url: webUrl(balancer) }]),
  ]);
  try {
    const exitCode = await runRefit(lab, ['upgrade', `${SAMPLE_REPOSITORY}:${NEXT_VERSION}`]);
    return { exitCode, seen: await load.stop(), times: await latestTimes(lab) };
  } finally {
    await load.stop();
  }
}

function conclude(lab: Lab, state: LabState, after: readonly Measured[]): number {
  say(`what happened, in Temporal's Web UI: ${temporalUi(state)}`);
  say('the lab stays up: look around with npx refit fleet status, take it down with npx refit lab down');
  if (lab.name !== DEFAULT_LAB) say(`for this lab: export REFIT_LAB=${lab.name} REFIT_FLEET=${lab.paths.fleetFile}`);
  const elsewhere = after.filter(
    (host) => versionOf(host) !== NEXT_VERSION || host.web.some((version) => version !== NEXT_VERSION),
  );
  for (const host of elsewhere) say(`${host.host} was not measured at ${NEXT_VERSION}`);
  if (elsewhere.length === 0) say(`all ${after.length} hosts were measured at ${NEXT_VERSION}`);
  return elsewhere.length === 0 ? 0 : 1;
}

process.exitCode = await main();
