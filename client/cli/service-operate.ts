import type { Command } from 'commander';
import { parseServiceId, type ServiceId } from '../../model/ids.ts';
import type { FoundRun } from '../find-upgrade.ts';
import type { ServiceCommand, Services } from '../services.ts';
import { parsedBy, whoAmI, withFleet } from './context.ts';
import { exitCodes, fail } from './exit.ts';
import { followService } from './follow-service.ts';
import {
  knownRun,
  runAtWork,
  sendCommand,
  speakerOf,
  stateOf,
  type Operated,
  type OperateOptions,
} from './operate-run.ts';
import { outputOf, withExamples, type CommonOptions } from './output.ts';
import { accepted } from './service-upgrade.ts';

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
    await withFleet(async ({ services }) => {
      const operated = operatedService(services, service);
      const latest = await runAtWork(operated);
      await sendCommand(operated, { latest, command: { name, ...speakerOf(options) } }, output);
      if (output.json) output.document({ id: latest.id, service, state: await stateOf(operated, latest) });
    });
  };

async function rollback(text: string, options: OperateOptions): Promise<void> {
  const output = outputOf(options);
  const service = parsedBy(parseServiceId, text);
  await withFleet(async ({ services }) => {
    const operated = operatedService(services, service);
    const latest = await knownRun(operated);
    const asked = latest.isRunning ? 'rollback' : 'takeBack';
    if (asked === 'rollback')
      await sendCommand(operated, { latest, command: { name: 'rollback', ...speakerOf(options) } }, output);
    const { id, run } = asked === 'rollback' ? latest : await takeBack(services, service);
    if (options.detach !== true) {
      await followService(services, { service, run, asked, stopsForOperator: true }, output);
      return;
    }
    output.say(`roll back ${id} has begun; watch it with: refit service watch ${service}`);
    if (output.json) output.document({ id, service, state: 'rollingBack' });
  });
}

async function takeBack(services: Services, service: ServiceId): Promise<Pick<FoundRun, 'id' | 'run'>> {
  const outcome = await services.takeBack(service, whoAmI());
  if (outcome.outcome !== 'nothing') return accepted(outcome, service);
  fail(exitCodes.wrongInput, `${outcome.because}; nothing was changed`);
}

async function watch(text: string, options: CommonOptions): Promise<void> {
  const output = outputOf(options);
  const service = parsedBy(parseServiceId, text);
  await withFleet(async ({ services }) => {
    const { run } = await knownRun(operatedService(services, service));
    // On a terminal somebody is there who may resume it in another window and wants to see it go on.
    await followService(services, { service, run, asked: 'upgrade', stopsForOperator: !output.people.isTTY }, output);
  });
}

const operatedService = (services: Services, service: ServiceId): Operated<ServiceCommand> => ({
  what: `service ${service}`,
  watchCommand: `refit service watch ${service}`,
  beginCommand: `refit service upgrade ${service} IMAGE`,
  latest: () => services.latest(service),
  look: (run) => services.look(run),
  command: (command) => services.command(service, command),
});
