import type { Command } from 'commander';
import { parseServiceId, type ServiceId } from '../../model/ids.ts';
import type { ServiceStart } from '../services.ts';
import { parsedBy, upgradeIdFrom, whoAmI, withFleet } from './context.ts';
import { exitCodes, fail } from './exit.ts';
import { followService } from './follow-service.ts';
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
  const asked = { service: name, image, settings: {}, policy, release: options.release ?? null, ...id };
  await withFleet(async ({ fleet, services }) => {
    const { id: started, run } = accepted(await services.start({ ...asked, requestedBy: whoAmI() }), name);
    if (options.detach === true) {
      output.say(`upgrade ${started} has begun; watch it with: refit service watch ${name}`);
      if (output.json) output.document({ id: started, fleet, service: name, image, state: 'running' });
      return;
    }
    await followService(services, { service: name, run, asked: 'upgrade', stopsForOperator: true }, output);
  });
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
