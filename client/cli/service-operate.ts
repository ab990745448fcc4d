import type { Command } from 'commander';
import { parseServiceId, type ServiceId } from '../../model/ids.ts';
import type { ServiceCommand, ServiceRun, Services } from '../services.ts';
import { parsedBy, whoAmI } from './context.ts';
import { exitCodes, fail } from './exit.ts';
import { followService } from './follow-service.ts';
import { outputOf, withExamples, type CommonOptions, type Output } from './output.ts';
import { accepted, withServices } from './service-upgrade.ts';

type OperateOptions = CommonOptions & { readonly reason?: string; readonly detach?: boolean };

/** `refit service pause|resume|rollback|abort|watch NAME`. */
export function registerServiceOperate(group: Command): void {
  addCommand(group, 'pause', 'start nothing new; members at work finish').action(operate('pause'));
  addCommand(group, 'resume', 'go on after a pause, or once what failed is mended').action(operate('resume'));
  addCommand(group, 'rollback', 'take the members of the upgrade at work back, or of the last one that kept them')
    .option('--detach', 'return as soon as the roll back has begun')
    .action(rollback);
  addCommand(group, 'abort', 'end the upgrade and leave every member as it is').action(operate('abort'));
  withExamples(
    group.command('watch').argument('<name>').description('follow the latest upgrade of a service'),
    'refit service watch web',
  ).action(watch);
}

const addCommand = (group: Command, name: string, description: string): Command =>
  withExamples(
    group.command(name).description(description).argument('<name>').option('--reason <text>', 'why, for the record'),
    `refit service ${name} web`,
    `refit service ${name} web --reason "wrong image"`,
  );

const operate =
  (name: Exclude<ServiceCommand['name'], 'rollback'>) =>
  async (text: string, options: OperateOptions): Promise<void> => {
    const output = outputOf(options);
    const service = parsedBy(parseServiceId, text);
    await withServices(async (services) => {
      const latest = await known(services, service);
      if (!latest.isRunning) {
        fail(
          exitCodes.wrongInput,
          `upgrade ${latest.id} of service ${service} is over (${latest.state}); nothing was changed`,
        );
      }
      await send(services, { service, latest, command: commandOf(name, options) }, output);
      if (output.json) output.document(await stateOf(services, service, latest));
    });
  };

async function rollback(text: string, options: OperateOptions): Promise<void> {
  const output = outputOf(options);
  const service = parsedBy(parseServiceId, text);
  await withServices(async (services) => {
    const latest = await known(services, service);
    const asked = latest.isRunning ? 'rollback' : 'takeBack';
    if (asked === 'rollback')
      await send(services, { service, latest, command: commandOf('rollback', options) }, output);
    const { id, run } = asked === 'rollback' ? latest : await takeBack(services, service);
    if (options.detach !== true) {
      await followService(services, { service, run, asked, stopsForOperator: true }, output);
      return;
    }
    output.say(`roll back ${id} has begun; watch it with: refit service watch ${service}`);
    if (output.json) output.document({ id, service, state: 'rollingBack' });
  });
}

async function takeBack(services: Services, service: ServiceId): Promise<Pick<ServiceRun, 'id' | 'run'>> {
  const outcome = await services.takeBack(service, whoAmI());
  if (outcome.outcome !== 'nothing') return accepted(outcome, service);
  fail(exitCodes.wrongInput, `${outcome.because}; nothing was changed`);
}

async function watch(text: string, options: CommonOptions): Promise<void> {
  const output = outputOf(options);
  const service = parsedBy(parseServiceId, text);
  await withServices(async (services) => {
    const { run } = await known(services, service);
    // On a terminal somebody is there who may resume it in another window and wants to see it go on.
    await followService(services, { service, run, asked: 'upgrade', stopsForOperator: !output.people.isTTY }, output);
  });
}

async function known(services: Services, service: ServiceId): Promise<ServiceRun> {
  const latest = await services.latest(service);
  if (latest !== null) return latest;
  fail(
    exitCodes.wrongInput,
    `service ${service} had no upgrade yet; begin with: refit service upgrade ${service} IMAGE`,
  );
}

function commandOf(name: ServiceCommand['name'], { reason }: OperateOptions): ServiceCommand {
  return { name, by: whoAmI(), ...(reason !== undefined && { reason }) };
}

async function send(
  services: Services,
  {
    service,
    latest,
    command,
  }: { readonly service: ServiceId; readonly latest: ServiceRun; readonly command: ServiceCommand },
  output: Output,
): Promise<void> {
  const outcome = await services.command(service, command);
  if (outcome.outcome === 'refused') {
    fail(exitCodes.wrongInput, `upgrade ${latest.id} of service ${service}: ${outcome.because}; nothing was changed`);
  }
  output.say(`upgrade ${latest.id}: ${outcome.message}; watch it with: refit service watch ${service}`);
}

async function stateOf(services: Services, service: ServiceId, { id, run }: ServiceRun): Promise<object> {
  const look = await services.look(run);
  return { id, service, state: look !== null && 'progress' in look ? look.progress.state : null };
}
