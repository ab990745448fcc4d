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
import { bundleWorkflows } from '../../../worker/bundle.ts';
import { commandLine, type CommandLine } from './command-line.ts';
import type { Upgrade } from './refit.ts';
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
export interface OwnUpgrader extends AsyncDisposable, CommandLine {
  readonly lab: Lab;
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
  const { refit, json } = commandLine(lab, COMMAND_TIMEOUT_MS);
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
  const { codePath } = await bundleWorkflows();
  const code = await readFile(codePath, 'utf8');
  const broken = code.replaceAll('claimEpoch(', 'claimAnotherEpoch(');
  if (broken === code) throw new Error(`${codePath} does not ask for the epoch any more`);
  return broken;
}
