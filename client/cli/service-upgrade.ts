import type { Command } from 'commander';
import { serviceOf, type Fleet } from '../../model/fleet.ts';
import { parseServiceId, type ServiceId } from '../../model/ids.ts';
import { releaseLabel } from '../../model/release.ts';
import type { ServiceInRelease, ServicePolicy } from '../../model/service.ts';
import { readLevels } from '../service-status.ts';
import type { ServiceRequest, Services, ServiceStart } from '../services.ts';
import { openServices } from '../services.ts';
import { openFleet, parsedBy, upgradeIdFrom, whoAmI } from './context.ts';
import { exitCodes, fail } from './exit.ts';
import { followService } from './follow-service.ts';
import { openImage, type OpenedImage } from './open-image.ts';
import { openRelease } from './open-release.ts';
import { outputOf, withExamples, type CommonOptions } from './output.ts';
import { addServiceOptions, servicePolicyFrom, type ServiceOptions } from './service-options.ts';

type UpgradeOptions = CommonOptions & ServiceOptions & { readonly detach?: boolean; readonly id?: string };

/** `refit service upgrade NAME IMAGE`. */
export function registerServiceUpgrade(group: Command): void {
  const command = group
    .command('upgrade')
    .description('upgrade the members of a service, one after another unless said, and follow it')
    .argument('<name>', 'the service: of the fleet file, or what its containers have as label dev.refit.service')
    .argument('<image>', 'the image, as repository:tag or repository@digest')
    .option('--detach', 'return as soon as the upgrade has begun')
    .option('--id <id>', 'name of this upgrade (default: the service’s name and the time)');
  withExamples(
    addServiceOptions(command),
    'refit service upgrade web registry.lab:5000/web:2',
    'refit service upgrade web registry.lab:5000/web:2 --phases 2 --min-available 4 --on-failure pause',
    'refit service upgrade db registry.lab:5000/db:16 --all-at-once --keep-old 24h',
    'refit service upgrade web registry.lab:5000/web:2 --mode agent --release registry.lab:5000/sample:2.0.0',
  ).action(runUpgrade);
}

async function runUpgrade(text: string, image: string, options: UpgradeOptions): Promise<void> {
  const output = outputOf(options);
  const name = parsedBy(parseServiceId, text);
  const policy = servicePolicyFrom(options);
  const id = options.id === undefined ? {} : { id: upgradeIdFrom(options.id) };
  await withServices(async (services, fleet) => {
    const request = await requestOf(fleet, { name, image, policy, release: options.release });
    const { id: started, run } = accepted(await services.start({ ...request, ...id }), name);
    if (options.detach === true) {
      output.say(`upgrade ${started} has begun; watch it with: refit service watch ${name}`);
      if (output.json) output.document({ id: started, fleet: fleet.fleet, service: name, image, state: 'running' });
      return;
    }
    await followService(services, { service: name, run, asked: 'upgrade', stopsForOperator: true }, output);
  });
}

/** Runs a command that speaks to the upgrades of the fleet's services, and closes the connection whatever happens. */
export async function withServices(work: (services: Services, fleet: Fleet) => Promise<void>): Promise<void> {
  const fleet = openFleet();
  const services = await openServices({ fleet });
  try {
    await work(services, fleet);
  } finally {
    await services.close();
  }
}

type Asked = {
  readonly name: ServiceId;
  readonly image: string;
  readonly policy: ServicePolicy;
  readonly release: string | undefined;
};

async function requestOf(fleet: Fleet, { name, image, policy, release }: Asked): Promise<ServiceRequest> {
  const opened = await openImage(fleet, image);
  const inRelease = release === undefined ? null : await releaseNaming(fleet, release, { name, image, opened });
  // An upgrade that can't tell the bus of its members would only wait: better said before it begins.
  await readLevels(fleet, name);
  return {
    ...{ service: serviceOf(fleet, name), image, ...opened, settings: {}, policy },
    ...{ release: inRelease, requestedBy: whoAmI() },
  };
}

/** Agents obey only what a release says that they have on their own disks. */
async function releaseNaming(
  fleet: Fleet,
  reference: string,
  { name, image, opened }: { readonly name: ServiceId; readonly image: string; readonly opened: OpenedImage },
): Promise<ServiceInRelease> {
  const { ref, release } = await openRelease(fleet, reference);
  const named = release.services.find((service) => service.name === name);
  if (named === undefined)
    fail(exitCodes.wrongInput, `${releaseLabel(ref)} has no service ${name}; nothing was changed`);
  if (!named.image.endsWith(`@${opened.digest}`)) {
    const text = `${releaseLabel(ref)} names ${named.image} for service ${name}, not ${image} (${opened.digest})`;
    fail(exitCodes.wrongInput, `${text}; nothing was changed`);
  }
  return { release: ref, fence: null };
}

export function accepted(
  started: ServiceStart,
  service: ServiceId,
): Extract<ServiceStart, { readonly outcome: 'started' }> {
  if (started.outcome === 'started') return started;
  fail(
    exitCodes.wrongInput,
    `service ${service} has an upgrade at work already: ${started.id} to ${started.release}; watch it with: refit service watch ${service}`,
  );
}
