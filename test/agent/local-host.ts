import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildAgent } from '../../agent/build.ts';
import { download } from '../../agent/download/download.ts';
import { readJobOrder } from '../../agent/download/environment.ts';
import { hostClock } from '../../agent/host-clock.ts';
import { checkLocal, runLocal, type LocalEnd, type LocalProgram } from '../../agent/local/program.ts';
import { placesUnder, type Places } from '../../agent/places.ts';
import type { LocalLine } from '../../model/local-job.ts';
import type { Release, Step } from '../../model/release.ts';
import { FakeServices } from './fake-services.ts';
import { makeReleaseImage, type ImageFolders } from './release-image.ts';
import { write } from './test-host.ts';

export type AgentProgram = { readonly program: string; readonly version: string };

/** The agent as it is built for hosts; one for all tests of a file. */
export async function buildAgentProgram(): Promise<AgentProgram & { readonly remove: () => void }> {
  const folder = mkdtempSync(join(tmpdir(), 'refit-agent-program-'));
  const { version, files } = await buildAgent();
  for (const [path, bytes] of files) write(join(folder, path), bytes.toString());
  const remove = (): void => rmSync(folder, { recursive: true, force: true });
  return { program: join(folder, 'agent/agent.cjs'), version, remove };
}

export type Ran = { readonly end: LocalEnd; readonly lines: readonly LocalLine[] };

/** A host in a folder whose agent is a process of its own, started by its service manager as a real one is. */
export class LocalHost {
  readonly folder = mkdtempSync(join(tmpdir(), 'refit-local-'));
  readonly places: Places = placesUnder(join(this.folder, 'host'));
  readonly services = new FakeServices(this.places, { onStart: () => this.startAgent() });
  readonly lines: LocalLine[] = [];
  readonly #built: AgentProgram;
  #agent: ChildProcess | null = null;
  #log = '';

  constructor(built: AgentProgram) {
    this.#built = built;
  }

  image(
    version: string,
    steps: readonly Step[],
    changes: Partial<Release> & { deadlineMs?: number } = {},
  ): ImageFolders {
    const { deadlineMs = 60_000, ...more } = changes;
    const health = { probes: [], minHealthyTimeMs: 0, deadlineMs: 1_000 };
    const host = { deadlineMs, diskFreeBytes: 0, steps, health };
    return makeReleaseImage(this.folder, {}, { name: 'sample', version, host, ...more });
  }

  /** The release and its agent come onto the disk, as a worker's Downloader Job brings them; nothing is ordered. */
  async stage(image: ImageFolders): Promise<void> {
    const parts = this.#parts(image, {});
    await download({ ...parts, order: readJobOrder(parts.env), provenBy: 'journals', say: () => undefined });
  }

  check(image: ImageFolders, env: Readonly<Record<string, string>> = {}): Ran {
    const lines: LocalLine[] = [];
    return { end: checkLocal({ ...this.#parts(image, env), say: (line) => lines.push(line) }), lines };
  }

  async run(image: ImageFolders, env: Readonly<Record<string, string>> = {}): Promise<Ran> {
    const lines: LocalLine[] = [];
    const say = (line: LocalLine): void => void [lines, this.lines].map((all) => all.push(line));
    return { end: await runLocal({ ...this.#parts(image, env), say }), lines };
  }

  /** As the service manager starts it: beside none, and after each end. */
  startAgent(): void {
    this.#agent?.kill('SIGKILL');
    const env = { ...process.env, REFIT_ROOT: this.places.root };
    const child = spawn(process.execPath, [this.#built.program, 'run'], { env, stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (this.#log += String(text)));
    this.#agent = child;
  }

  /** With everything that it had started, as KillMode=control-group has it. */
  async killAgent(): Promise<void> {
    const agent = this.#agent;
    if (agent === null) return;
    const gone = new Promise((resolve) => agent.once('close', resolve));
    agent.kill('SIGKILL');
    await gone;
    this.#agent = null;
  }

  get log(): string {
    return this.#log;
  }

  read(path: string): string | null {
    const file = join(this.folder, path);
    return existsSync(file) ? readFileSync(file, 'utf8') : null;
  }

  async close(): Promise<void> {
    await this.killAgent();
    // A command that the agent had begun may come to its end meanwhile, and write a last line.
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  }

  #parts(image: ImageFolders, env: Readonly<Record<string, string>>): Omit<LocalProgram, 'say'> {
    return {
      image,
      places: this.places,
      env: {
        REFIT_RELEASE_DIGEST: image.digest,
        REFIT_CONTENTS_DIGEST: image.contents,
        REFIT_RELEASE_REPOSITORY: 'registry.lab:5000/sample',
        REFIT_AGENT_CONFIG: '{"fleet":"local","host":"host-1","etcd":null}',
        REFIT_LOCAL_UPGRADE: 'local-1',
        ...env,
      },
      version: this.#built.version,
      services: () => Promise.resolve(this.services),
      clock: hostClock,
    };
  }
}
