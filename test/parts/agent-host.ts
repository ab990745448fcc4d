import { readFileSync } from 'node:fs';
import { link, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { buildAgent } from '../../agent/build.ts';
import { sha256 } from '../../agent/releases.ts';
import { encodeRelease } from '../../drivers/release/release-json.ts';
import { runtimeLayer } from '../../drivers/oci/runtime-layer.ts';
import { docker, tryDocker } from '../../lab/docker.ts';
import { ensureHostImage } from '../../lab/host-image.ts';
import { hasFullPrivileges, hostPrivileges } from '../../lab/privileges.ts';
import { call } from '../../lab/programs.ts';
import { eventually } from '../eventually.ts';
import { release } from '../fakes/release.ts';

/** Longest until systemd in the container answers; ms. */
const BOOT_MS = 60_000;

const CONFIG = { fleet: 'trial', host: 'host-1', etcd: { endpoints: ['http://127.0.0.1:2379'], tls: null } };

/**
 * One host with systemd and an etcd, and images of releases whose agents are real ones with a fault put in. Their jobs run as
 * the Downloader Job does, with the host's folders at /host, but as units of the host: so they are told and killed by name.
 */
export type AgentHost = AsyncDisposable & {
  /** An image whose agent has this version; `fault`: what it does instead of running, as JavaScript. */
  readonly image: (version: string, fault?: string) => Promise<void>;
  /** Starts the job `agent`, or another, of that image; answers its unit. */
  readonly startJob: (version: string, job?: JobOptions) => Promise<string>;
  /** The job's last line, once it has ended. */
  readonly endOf: (unit: string) => Promise<Readonly<Record<string, unknown>>>;
  readonly sh: (script: string) => Promise<string>;
  /** Everything on the host starts again, as at a power cut: nothing is asked to end. */
  readonly powerCut: () => Promise<void>;
};
type JobOptions = { readonly command?: 'agent' | 'local'; readonly proofMs?: number };

export async function startAgentHost(): Promise<AgentHost> {
  const folder = await mkdtemp(join(tmpdir(), 'refit-agent-host-'));
  const name = `refit-agent-host-${process.pid}`;
  const say = (line: string): void => void process.stderr.write(`${line}\n`);
  const close = async (): Promise<void> => {
    await tryDocker(['rm', '--force', '--volumes', name]);
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await unpackRuntime(folder);
    await create(name, folder, await ensureHostImage(say));
    await boot(name);
  } catch (error) {
    await close();
    throw error;
  }
  const sh = (script: string): Promise<string> => docker(['exec', name, 'sh', '-c', script]);
  await sh('ln -sfn / /host && systemctl enable --now etcd.service');
  let jobs = 0;
  return {
    image: (version, fault) => makeImage(folder, version, fault),
    startJob: async (version, options = {}) => {
      jobs += 1;
      const unit = `job-${jobs}`;
      await sh(jobScript(unit, version, options));
      return unit;
    },
    endOf: (unit) => endOf(sh, unit),
    sh,
    powerCut: async () => {
      await docker(['kill', '--signal=KILL', name]);
      await docker(['start', name]);
      await boot(name);
    },
    [Symbol.asyncDispose]: close,
  };
}

/** As in a release's image, once for all of them. */
async function unpackRuntime(folder: string): Promise<void> {
  await call('tar', ['-xzf', (await runtimeLayer()).file, '-C', folder]);
}

async function create(name: string, folder: string, image: string): Promise<void> {
  const cgroup = (await docker(['info', '--format', '{{.CgroupVersion}}'])) === '1' ? 1 : 2;
  const privileges = hostPrivileges(hasFullPrivileges(readFileSync('/proc/self/status', 'utf8')), cgroup);
  const mounts = ['--tmpfs=/run', '--tmpfs=/run/lock', `--volume=${folder}:/images:ro`];
  await docker(['run', '--detach', '--name', name, '--hostname', 'host-1', ...privileges, ...mounts, image]);
}

async function boot(name: string): Promise<void> {
  await eventually(
    async () => {
      const { stdout } = await tryDocker(['exec', name, 'systemctl', 'is-system-running']);
      return ['running', 'degraded'].includes(stdout.trim());
    },
    { withinMs: BOOT_MS, everyMs: 100 },
  );
}

async function makeImage(folder: string, version: string, fault = ''): Promise<void> {
  const { version: built, files } = await buildAgent();
  const image = join(folder, version);
  const put = async (path: string, bytes: Uint8Array | string): Promise<void> => {
    await mkdir(dirname(join(image, path)), { recursive: true });
    await writeFile(join(image, path), bytes);
  };
  for (const [path, bytes] of files) {
    const isAgent = path === 'agent/agent.cjs';
    const script = `if (process.argv[2] === 'run') { ${fault} }\n`;
    const text = Buffer.from(bytes).toString().replaceAll(built, version);
    await put(join('refit', path), isAgent ? script + text : bytes);
  }
  await put('release/release.json', releaseJson);
  const runtime = join(folder, 'refit/runtime');
  for (const entry of await readdir(runtime, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const to = join(image, 'refit/runtime', entry.parentPath.slice(runtime.length), entry.name);
    await mkdir(dirname(to), { recursive: true });
    await link(join(entry.parentPath, entry.name), to);
  }
}

/** A release that changes nothing, so that a host gets a journal by it. */
const releaseJson = encodeRelease(
  release({
    version: '1.0.0',
    upgradesFrom: [],
    contents: [],
    host: {
      ...{ deadlineMs: 30_000, diskFreeBytes: 0, steps: [] },
      health: { probes: [], minHealthyTimeMs: 0, deadlineMs: 1_000 },
    },
  }),
);

function jobScript(unit: string, version: string, { command = 'agent', proofMs = 15_000 }: JobOptions): string {
  const env = {
    REFIT_RELEASE_DIGEST: `sha256:${'1'.repeat(64)}`,
    REFIT_CONTENTS_DIGEST: `sha256:${sha256(releaseJson)}`,
    REFIT_RELEASE_REPOSITORY: 'registry/sample',
    REFIT_LOCAL_UPGRADE: 'local-1',
    REFIT_AGENT_PROOF_MS: String(proofMs),
    REFIT_AGENT_CONFIG: JSON.stringify(CONFIG),
  };
  const set = Object.entries(env).map(([key, value]) => `--setenv='${key}=${value}'`);
  const program = ['/refit/runtime/ld.so', '--library-path', '/refit/runtime/lib', '/refit/runtime/node'];
  return [
    `ln -sfn /images/${version}/refit /refit; ln -sfn /images/${version}/release /release`,
    `systemd-run --quiet --unit=${unit} ${set.join(' ')} ${program.join(' ')} /refit/agent/agent.cjs ${command}`,
  ].join('\n');
}

async function endOf(sh: AgentHost['sh'], unit: string): Promise<Readonly<Record<string, unknown>>> {
  await eventually(async () => /^(inactive|failed)$/.test(await sh(`systemctl is-active ${unit} || true`)), {
    withinMs: BOOT_MS,
    everyMs: 100,
  });
  const lines = (await sh(`journalctl --unit=${unit} --output=cat`)).split('\n').filter((line) => line.startsWith('{'));
  const last: unknown = JSON.parse(lines.at(-1) ?? '{}');
  return typeof last === 'object' && last !== null ? { ...last } : {};
}
