import { execa } from 'execa';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildAgent } from '../../../agent/build.ts';
import { pushUpgrader } from '../../../client/upgrader-build.ts';
import type { UpgraderStatus } from '../../../client/upgrader-status.ts';
import { loadFleet } from '../../../drivers/fleet-file.ts';
import { createRegistry } from '../../../drivers/registry.ts';
import { buildRelease, type AgentBundle } from '../../../drivers/release/build.ts';
import { openLab, type Lab } from '../../../lab/lab.ts';
import { workflowBundle } from '../../../worker/bundle.ts';
import type { Answer, Upgrade } from './refit.ts';
import { manifest, type TestRelease } from './release.ts';
import { variantOf } from './upgrader-variant.ts';

const HOSTS = 4;
/** A whole upgrade of four hosts that restart, with the upgrader's own before it. */
const COMMAND_TIMEOUT_MS = 420_000;
const REPOSITORY = 'registry.lab:5000/own';
const UPGRADER_REPOSITORY = 'registry.lab:5000/refit/upgrader';
const WORKFLOWS = '/refit/upgrader/workflows.js';

/** A release of the test platform that brings an upgrader and an agent. */
export type OwnRelease = Omit<TestRelease, 'extra' | 'name'> & {
  /** By digest. */
  readonly upgrader?: string;
  /** Another agent than this checkout's: code in front of it. */
  readonly agent?: { readonly mark: string; readonly code: string };
};

/** A lab whose worker and API are containers on two of its hosts. */
export interface OwnUpgrader extends AsyncDisposable {
  readonly lab: Lab;
  /** Runs the command line against it. */
  refit(args: readonly string[]): Promise<Answer>;
  json<Document>(args: readonly string[], exitCode?: number): Promise<Document>;
  upgrade(id: string): Promise<Upgrade>;
  status(): Promise<UpgraderStatus>;
  publish(release: OwnRelease): Promise<string>;
  /** Publishes another build of the same upgrader; `breaks`: its workflows ask for something else than recorded runs. */
  build(mark: string, breaks?: boolean): Promise<string>;
  onHost(host: string, script: string): Promise<string>;
}

export async function openOwnUpgrader(name: string): Promise<OwnUpgrader> {
  const lab = openLab(name);
  const say = (line: string): void => void process.stderr.write(`lab ${name}: ${line}\n`);
  if ((await lab.state()) !== undefined) await lab.down(say);
  const up = await lab.up({ hosts: HOSTS, upgrader: 'containers', say });
  if (up.kind === 'refused') throw new Error(up.reason);
  const folder = await mkdtemp(join(tmpdir(), 'refit-own-'));
  const { registries } = loadFleet(lab.paths.fleetFile);
  const registry = createRegistry(registries);
  const refit = (args: readonly string[]): Promise<Answer> => runRefit(lab, args);
  const json = async <Document>(args: readonly string[], exitCode = 0): Promise<Document> => {
    const answer = await refit([...args, '--json']);
    if (answer.exitCode === exitCode) return JSON.parse(answer.stdout) as Document;
    throw new Error(`refit ${args.join(' ')}: exit code ${answer.exitCode}\n${answer.stdout}\n${answer.stderr}`);
  };
  return {
    ...{ lab, refit, json },
    upgrade: async (id) => json<Upgrade>(['upgrades', 'show', id]),
    status: async () => json<UpgraderStatus>(['upgrader', 'status']),
    publish: async (release) => {
      const dir = join(folder, release.version);
      const layout = await buildOwnRelease(dir, release);
      const { reference } = await registry.push({ layout, reference: REPOSITORY, version: release.version });
      return reference;
    },
    build: async (mark, breaks = false) => {
      const files = breaks ? { [WORKFLOWS]: await brokenWorkflows() } : { '/refit/mark': mark };
      const layout = join(lab.paths.folder, 'upgrader', 'image');
      const built = await variantOf(layout, files, join(folder, `upgrader-${mark}`));
      return (await pushUpgrader(registry, UPGRADER_REPOSITORY, built)).reference;
    },
    onHost: async (host, script) => {
      const { exitCode, stdout, stderr } = await lab.exec(host, ['sh', '-c', script]);
      if (exitCode !== 0) throw new Error(`${script} on ${host}: ${stderr || stdout}`);
      return stdout.trim();
    },
    [Symbol.asyncDispose]: async () => {
      await lab.down(say);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function runRefit(lab: Lab, args: readonly string[]): Promise<Answer> {
  const program = join(import.meta.dirname, '../../../bin/refit.mjs');
  const { exitCode, stdout, stderr } = await execa(process.execPath, [program, ...args], {
    env: { REFIT_FLEET: lab.paths.fleetFile, REFIT_LAB: lab.name },
    ...{ reject: false, timeout: COMMAND_TIMEOUT_MS, stdin: 'ignore' },
  });
  return { exitCode: exitCode ?? -1, stdout, stderr };
}

async function buildOwnRelease(dir: string, { upgrader, agent, ...release }: OwnRelease): Promise<string> {
  const { version } = release;
  const extra = upgrader === undefined ? '' : `upgrader: { image: "${upgrader}" }`;
  await mkdir(join(dir, 'files'), { recursive: true });
  await writeFile(join(dir, 'files/version'), `${version}\n`);
  await writeFile(join(dir, 'release.yaml'), manifest('own', { ...release, extra }));
  const built = await buildRelease({ folder: dir, agent: () => otherAgent(agent ?? null), output: `${dir}-image` });
  return built.layout;
}

async function otherAgent(other: NonNullable<OwnRelease['agent']> | null): Promise<AgentBundle> {
  const { version, files } = await buildAgent();
  if (other === null) return { version, files };
  const script = Buffer.from(files.get('agent/agent.cjs') ?? '').toString();
  const marked = `${version}.${other.mark}`;
  const named = Buffer.from(`${other.code}\n${script.replaceAll(version, marked)}`);
  return { version: marked, files: new Map([...files, ['agent/agent.cjs', named]]) };
}

/** A recorded run's first activity has another name in it. */
async function brokenWorkflows(): Promise<string> {
  const { codePath } = await workflowBundle();
  const code = await readFile(codePath, 'utf8');
  const broken = code.replaceAll('claimEpoch(', 'claimAnotherEpoch(');
  if (broken === code) throw new Error(`${codePath} does not ask for the epoch any more`);
  return broken;
}
