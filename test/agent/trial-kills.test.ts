import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { AGENT_UNIT, unitFile } from '../../agent/download/unit-file.ts';
import { placesUnder, type Places } from '../../agent/places.ts';
import { putAgent } from '../../agent/trial/put-agent.ts';
import { readTrial, writeTrial, type Agent } from '../../agent/trial/trial.ts';
import { isNightly, sampleOfNumbers } from '../nightly.ts';
import { write } from './test-host.ts';

const OLD = '1.0.0+old';
const NEW = '2.0.0+new';
/** Longest run of one program; ms. */
const RUN_MS = 30_000;
/** Of several points in a row, one is tried in the ordinary run. */
const APART = 3;
/** As often as a trial may be cut off, and once more. */
const RUNS = 4;

const hasStrace = spawnSync('strace', ['-V']).status === 0;
let program: string;
let bundle: string;

beforeAll(async () => {
  bundle = mkdtempSync(join(tmpdir(), 'refit-trial-kills-'));
  program = join(bundle, 'program.mjs');
  await build({
    entryPoints: [join(import.meta.dirname, 'killed-trial/main.ts')],
    ...{ bundle: true, platform: 'node', format: 'esm', outfile: program, logLevel: 'silent' },
    banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
  });
});
afterAll(() => rmSync(bundle, { recursive: true, force: true }));

const roots: string[] = [];
afterEach(() => {
  for (const root of roots.splice(0)) rmSync(root, { recursive: true, force: true });
});

const agent = (version: string): Agent => ({ version, config: `{"of":"${version}"}`, unit: unitFile() });

/** A host with the old agent at rest, and a trial of the new one that was asked for. */
function prepare(): Places {
  const places = placesUnder(mkdtempSync(join(tmpdir(), 'refit-trial-killed-')));
  roots.push(places.root);
  for (const version of [OLD, NEW]) write(join(places.agents, version, 'agent/agent.cjs'), version);
  putAgent(places, agent(OLD));
  write(join(places.root, 'run/running-agent'), OLD);
  const proof = { kind: 'journals' } as const;
  const pair = { from: agent(OLD), to: { ...agent(NEW), unit: `${unitFile()}# new\n` } };
  writeTrial(places, { v: 1, id: 't', ...pair, proof, proofMs: 5_000, wasActive: true, stand: { phase: 'waiting' } });
  return places;
}

/** Runs the program; `inject` as strace takes it. Answers whether it came to its end. */
function run({ root }: Places, broken: string | null, inject: string | null): boolean {
  const call = /^\w+/.exec(inject ?? '')?.[0] ?? '';
  const strace = ['strace', '-f', '-qq', '-o', '/dev/null', '-e', `trace=${call}`, '-e', `inject=${inject ?? ''}`];
  const command = [...(inject === null ? [] : strace), process.execPath, program, root];
  const ran = spawnSync('env', [...command, ...(broken === null ? [] : [broken])], {
    timeout: RUN_MS,
    killSignal: 'SIGKILL',
  });
  return ran.status === 0;
}

/** Exactly one agent, whole: link, configuration, unit and what runs are of one version. */
function expectWhole(places: Places, version: string, point: string): void {
  const { from, to } = readTrial(places) ?? {};
  const whole = version === NEW ? to : from;
  expect(readlinkSync(join(places.agents, 'current')), point).toBe(version);
  expect(readFileSync(places.config, 'utf8'), point).toBe(whole?.config);
  expect(readFileSync(join(places.units, AGENT_UNIT), 'utf8'), point).toBe(whole?.unit);
  expect(readFileSync(join(places.root, 'run/running-agent'), 'utf8'), point).toBe(version);
}

type Kills = { readonly call: string; readonly points: number; readonly broken: string | null };

/** Kills at each point in turn, and lets the service manager's next start go on. Answers how many points there were. */
function killEverywhere({ call, points, broken }: Kills): number {
  let kills = 0;
  for (const point of sampleOfNumbers(`kills at ${call} of a trial`, points, APART)) {
    const places = prepare();
    const name = `killed at ${call} ${point}`;
    const isWhole = run(places, broken, `${call}:signal=KILL:when=${point}`);
    if (!isWhole) expect(run(places, broken, null), `after: ${name}`).toBe(true);
    expectWhole(places, broken === null ? NEW : OLD, name);
    expect(readTrial(places)?.stand.phase, name).toBe(broken === null ? 'proven' : 'returned');
    if (!isWhole) kills += 1;
  }
  return kills;
}

test.runIf(hasStrace).each([
  { call: 'fsync', points: 10, broken: null },
  { call: 'fsync', points: 20, broken: NEW },
  { call: 'rename', points: 6, broken: null },
  { call: 'rename', points: 11, broken: NEW },
])('killed at $call, a trial ends with one agent, whole (that never comes up: $broken)', (kills) => {
  const killed = killEverywhere(kills);

  expect(killed).toBeGreaterThan(0);
  // Else there are points beyond those that were tried.
  if (isNightly) expect(killed).toBeLessThan(kills.points);
});

test.runIf(hasStrace)('killed again and again at the same point, a trial ends with the old agent', () => {
  const places = prepare();

  const ends = Array.from({ length: RUNS }, () => run(places, null, 'fsync:signal=KILL:when=3'));

  expect(ends).toEqual([false, false, false, false]);
  expect(run(places, null, null)).toBe(true);
  expectWhole(places, OLD, 'cut off again and again');
  expect(readTrial(places)?.stand).toMatchObject({ phase: 'returned' });
});

test.runIf(hasStrace)(
  'a disk that takes nothing leaves the host with the old agent, and the trial to be resumed',
  () => {
    const places = prepare();

    const ended = run(places, null, 'fsync:error=ENOSPC:when=1+');

    expect(ended).toBe(false);
    expectWhole(places, OLD, 'full disk');
    expect(readTrial(places)?.stand).toEqual({ phase: 'waiting' });
  },
);
