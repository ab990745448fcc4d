import { createServer, type Server } from 'node:net';
import { existsSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { installAgent, type AgentInstall, type AgentOutcome } from '../../agent/download/agent-install.ts';
import { AGENT_UNIT, unitFile } from '../../agent/download/unit-file.ts';
import { placesUnder, type Places } from '../../agent/places.ts';
import { putAgent } from '../../agent/trial/put-agent.ts';
import { runTrial } from '../../agent/trial/run-trial.ts';
import { overOf, readTrial, trialFile, writeTrial, type Trial } from '../../agent/trial/trial.ts';
import { TRIAL_UNIT, trialUnitFile } from '../../agent/trial/unit-file.ts';
import { eventually } from '../eventually.ts';
import { FakeServices } from './fake-services.ts';
import { fastClock } from './fast-clock.ts';
import { countingStep, TestHost, write } from './test-host.ts';

const OLD = '1.0.0+old';
const NEW = '2.0.0+new';
/** Bounds of seconds pass in parts of one; a busy machine must not use them up. */
const clock = fastClock(10);
/** Bounds of minutes do. */
const fastest = fastClock(200);

let folder: string;
let places: Places;
let services: FakeServices;
let bus: { readonly endpoint: string; readonly server: Server };
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'refit-trial-'));
  places = placesUnder(folder);
  services = new FakeServices(places, { clock });
  for (const version of [OLD, NEW]) putFiles(version);
  putAgent(places, agent(OLD));
  await services.start(AGENT_UNIT);
  bus = await listen();
});
afterEach(() => {
  bus.server.close();
  rmSync(folder, { recursive: true, force: true });
});

function putFiles(version: string): void {
  for (const file of ['agent.cjs', 'trial.cjs']) write(join(places.agents, version, 'agent', file), version);
}

const agent = (version: string): Trial['from'] => ({ version, config: `{"of":"${version}"}`, unit: unitFile() });

/** Takes connections and answers nobody. */
async function listen(): Promise<{ endpoint: string; server: Server }> {
  const server = createServer((socket) => socket.on('error', () => socket.destroy()));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return { server, endpoint: `http://127.0.0.1:${typeof address === 'object' ? (address?.port ?? 0) : 0}` };
}

const install = (more: Partial<AgentInstall> = {}): Promise<AgentOutcome> =>
  installAgent({
    ...{ places, services, clock, version: NEW, configText: agent(NEW).config, proofMs: 15_000 },
    proof: { kind: 'bus', endpoints: [bus.endpoint] },
    ...more,
  });

const trialOf = (stand: Trial['stand'], more: Partial<Trial> = {}): Trial => ({
  ...{ v: 1, id: 'trial-1', from: agent(OLD), to: agent(NEW), proof: { kind: 'journals' }, proofMs: 15_000 },
  ...{ wasActive: true, stand, ...more },
});

const run = (): Promise<void> => runTrial({ places, services, clock, elapsed: () => clock.now() });

function expectAgent(version: string): void {
  expect(readlinkSync(join(places.agents, 'current'))).toBe(version);
  expect(readFileSync(places.config, 'utf8')).toBe(agent(version).config);
  expect(services.running).toBe(version);
}

test('an agent that proves itself stays, with its configuration, and the old one’s files stay beside it', async () => {
  expect(await install()).toEqual({ agent: NEW, outcome: 'replaced' });

  expectAgent(NEW);
  expect(readdirSync(places.agents).sort()).toEqual([OLD, NEW, 'current']);
  expect(readTrial(places)?.stand).toEqual({ phase: 'proven' });
});

test('the old agent has stopped before the new one starts, and the trial outlives a reboot only while it is at work', async () => {
  await install();

  expect(services.calls.slice(services.calls.indexOf(`enable ${TRIAL_UNIT}`)).slice(0, 6)).toEqual([
    `enable ${TRIAL_UNIT}`,
    // The job's call, which the fake answers when it has begun.
    `restart ${TRIAL_UNIT}`,
    `stop ${AGENT_UNIT}`,
    'reload',
    `enable ${AGENT_UNIT}`,
    `start ${AGENT_UNIT}`,
  ]);
  await eventually(() => services.calls.at(-1) === `disable ${TRIAL_UNIT}`);
});

test('an agent that does not come up is taken back, and the job says which one runs', async () => {
  services.broken = NEW;

  await expect(install()).rejects.toThrow(
    `agent ${NEW} did not come up within 15 s: ${AGENT_UNIT} is activating; agent ${OLD} runs again`,
  );

  expectAgent(OLD);
});

test('an agent that shows no life on a bus that is there is taken back', async () => {
  services.deaf = NEW;

  await expect(install()).rejects.toThrow(/showed no life on the bus, which takes connections; agent .* runs again/);

  expectAgent(OLD);
});

test('a bus that is away from the whole host is waited for: it is neither a fault nor a proof', async () => {
  services.deaf = NEW;
  const waiting = install({ proof: { kind: 'bus', endpoints: ['http://127.0.0.1:1'] }, proofMs: 3_000 });
  const began = clock.now();
  await eventually(() => clock.now() - began > 10_000);
  expect(readTrial(places)?.stand).toEqual({ phase: 'trying', attempt: 1 });

  write(join(places.state, 'agent-on-bus'), NEW);

  expect(await waiting).toEqual({ agent: NEW, outcome: 'replaced' });
});

test('a bus that stays away for five minutes leaves the host with the agent that it had', async () => {
  services = new FakeServices(places, { clock: fastest });
  services.deaf = NEW;

  // Longer than the bus is waited for: on a busy machine the agent's own time passes as well.
  const failed = install({ proof: { kind: 'bus', endpoints: ['http://127.0.0.1:1'] }, proofMs: 600_000 });

  await expect(failed).rejects.toThrow(/the bus was away from this host for 300 s/);
  expectAgent(OLD);
});

test('without a bus, reading the journals is the whole proof', async () => {
  services.deaf = NEW;

  expect(await install({ proof: { kind: 'journals' } })).toEqual({ agent: NEW, outcome: 'replaced' });
});

test('an agent that starts over and over is not proven by the mark that it leaves each time', async () => {
  const restless = setInterval(() => {
    if (services.running === NEW) write(join(places.state, 'agent-alive'), NEW);
  }, 2);
  // Written in place, the mark is the same file: its time tells.
  const failed = install();

  await expect(failed).rejects.toThrow(`agent ${OLD} runs again`);
  clearInterval(restless);
  expectAgent(OLD);
});

test('a second job finds the trial at work, and ends as it does', async () => {
  services.broken = NEW;

  const [first, second] = await Promise.allSettled([install(), install()]);

  expect([first.status, second.status]).toEqual(['rejected', 'rejected']);
  expect(services.calls.filter((call) => call === `restart ${TRIAL_UNIT}`)).toHaveLength(1);
});

test('a job for another agent waits for the trial at work before it begins its own', async () => {
  const third = '3.0.0+third';
  putFiles(third);
  services.broken = NEW;

  const [first, second] = await Promise.allSettled([install(), install({ version: third })]);

  expect(first.status).toBe('rejected');
  expect(second).toMatchObject({ status: 'fulfilled', value: { agent: third, outcome: 'replaced' } });
});

test('a trial that a dead job had written down and not begun is begun by the next job', async () => {
  writeTrial(places, trialOf({ phase: 'waiting' }));

  expect(await install()).toEqual({ agent: NEW, outcome: 'replaced' });
});

test('a trial whose program does not start is taken back, and nothing was switched', async () => {
  services.isTrialDead = true;

  await expect(install()).rejects.toThrow(
    /the trial of agent 2.0.0\+new did not begin within 30 s: .* is inactive; .*agent 1.0.0\+old runs again/,
  );

  expectAgent(OLD);
  expect(services.calls).not.toContain(`stop ${AGENT_UNIT}`);
  services.isTrialDead = false;
  expect(await install()).toEqual({ agent: NEW, outcome: 'replaced' });
});

test('a trial that is cut off three times is over, and the old agent runs', async () => {
  writeTrial(places, trialOf({ phase: 'trying', attempt: 3 }));
  putAgent(places, agent(NEW));

  await run();

  expectAgent(OLD);
  expect(readTrial(places)?.stand).toEqual({
    phase: 'returned',
    why: `the trial of agent ${NEW} was cut off 3 times`,
    isBack: true,
  });
});

test('a trial that is cut off goes on with another attempt, which has its whole time', async () => {
  writeTrial(places, trialOf({ phase: 'trying', attempt: 2 }));

  await run();

  expectAgent(NEW);
});

test('an old agent that does not come up either is started all the same, and the job says so', async () => {
  services.broken = NEW;
  services.neverBack = true;

  const failed = install();

  await expect(failed).rejects.toThrow(/agent 1.0.0\+old was started again and has not come up yet; look on the host/);
});

test('an agent that takes an order just before its trial keeps the host', async () => {
  const host = new TestHost();
  places = host.places;
  services = new FakeServices(places, { clock });
  for (const version of [OLD, NEW]) putFiles(version);
  putAgent(places, agent(OLD));
  const slow = countingStep('slow', '/nowhere/x', { command: ['sleep', '30'] });
  const started = host.start();
  const order = await host.order(host.stage({ version: '9.0.0', steps: [slow] }));
  await host.reported(order, ({ step }) => step?.id === 'slow');
  writeTrial(places, trialOf({ phase: 'waiting' }));

  await run();

  expectAgent(OLD);
  expect(readTrial(places)?.stand).toEqual({ phase: 'kept' });
  started.stop();
  host.close();
});

test('a trial that is over is not begun again, and its program ends', async () => {
  writeTrial(places, trialOf({ phase: 'proven' }));
  const { calls } = services;
  calls.length = 0;

  await run();

  expect(calls).toEqual([`disable ${TRIAL_UNIT}`]);
});

test('a file that is no trial stops nobody', async () => {
  write(trialFile(places), '{"v":1');

  expect(readTrial(places)).toBeNull();
  expect(await install()).toEqual({ agent: NEW, outcome: 'replaced' });
});

test('the trial’s program is the old agent’s, and only one of before trials gets the new one’s', () => {
  const pair = { from: agent(OLD), to: agent(NEW) };
  expect(trialUnitFile(places, pair)).toContain(
    `agents/${OLD}/runtime/node /var/lib/refit/agents/${OLD}/agent/trial.cjs`,
  );

  rmSync(join(places.agents, OLD, 'agent/trial.cjs'));

  expect(trialUnitFile(places, pair)).toContain(
    `agents/${OLD}/runtime/node /var/lib/refit/agents/${NEW}/agent/trial.cjs`,
  );
});

test('where there is no agent to go back to, the first one is started without a trial', async () => {
  rmSync(places.state, { recursive: true });
  rmSync(join(places.units, AGENT_UNIT));
  putFiles(NEW);

  expect(await install()).toEqual({ agent: NEW, outcome: 'started' });
  expect(existsSync(trialFile(places))).toBe(false);
  expect(overOf(trialOf({ phase: 'waiting' }))).toBeNull();
});
