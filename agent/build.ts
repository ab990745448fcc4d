import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { build, type Plugin } from 'esbuild';
import { z } from 'zod';
import type { AgentBundle } from '../drivers/release/build.ts';

const CHECKOUT = dirname(import.meta.dirname);

/** The program that lets the next agent prove itself, or takes this one back. */
const TRIAL_ENTRY = join(CHECKOUT, 'agent', 'trial', 'main.ts');

/** Stands in the script until its digest is known; main.ts reads it as REFIT_AGENT_VERSION. */
const VERSION_PLACE = '@refit-agent-version@';

/** Twelve digits tell builds apart in a list and are still read aloud. */
const VERSION_DIGITS = 12;

/** The agent runs on the Node.js that builds it: on another one it is another agent. */
const runtime = ['runtime', Buffer.from(`${process.version} ${process.arch}`)] as const;

/**
 * Bundles the agent. Its version is the package's with the digest of what was bundled, so that two agents with one
 * version are the same agent.
 */
export async function buildAgent(entry: string = join(CHECKOUT, 'agent', 'main.ts')): Promise<AgentBundle> {
  const [script, trial, protos] = await Promise.all([bundle(entry), bundle(TRIAL_ENTRY), protoFiles()]);
  const beside = [['agent/trial.cjs', trial], ...protos] as const;
  const version = `${await packageVersion()}+${digestOf([runtime, ['agent/agent.cjs', script], ...beside])}`;
  const named = Buffer.from(script.toString().replaceAll(VERSION_PLACE, version));
  return { version, files: new Map([['agent/agent.cjs', named], ...beside]) };
}

async function bundle(entry: string): Promise<Buffer> {
  const { outputFiles } = await build({
    entryPoints: [entry],
    absWorkingDir: CHECKOUT,
    bundle: true,
    write: false,
    platform: 'node',
    target: 'node20',
    format: 'cjs',
    // A stack trace from a host has to name functions as the source does.
    keepNames: true,
    legalComments: 'none',
    logLevel: 'silent',
    define: { REFIT_AGENT_VERSION: JSON.stringify(VERSION_PLACE), 'import.meta.dirname': '__dirname' },
    plugins: [withoutNativeParts],
  });
  return Buffer.concat(outputFiles.map(({ contents }) => contents));
}

/** ssh2, below dockerode, tries native parts and does without them; a host gets one script. */
const withoutNativeParts: Plugin = {
  name: 'without-native-parts',
  setup(esbuild) {
    esbuild.onResolve({ filter: /(^cpu-features$|\.node$)/ }, ({ path }) => ({ path, namespace: 'native' }));
    esbuild.onLoad({ filter: /.*/, namespace: 'native' }, ({ path }) => ({
      contents: `throw new Error(${JSON.stringify(`${path} is not part of the agent`)});`,
    }));
  },
};

/** etcd3 reads its protocol from `../proto` beside the script's folder. */
async function protoFiles(): Promise<readonly (readonly [string, Buffer])[]> {
  const folder = join(dirname(createRequire(import.meta.url).resolve('etcd3/package.json')), 'proto');
  const names = (await readdir(folder)).filter((name) => name.endsWith('.proto')).sort();
  return Promise.all(names.map(async (name) => [`proto/${name}`, await readFile(join(folder, name))] as const));
}

function digestOf(files: readonly (readonly [string, Buffer])[]): string {
  const hash = createHash('sha256');
  for (const [path, bytes] of files) hash.update(`${path}\0${bytes.length}\0`).update(bytes);
  return hash.digest('hex').slice(0, VERSION_DIGITS);
}

async function packageVersion(): Promise<string> {
  const json: unknown = JSON.parse(await readFile(join(CHECKOUT, 'package.json'), 'utf8'));
  return z.object({ version: z.string() }).parse(json).version;
}
