import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureTemporalCli } from '../../lab/temporal-cli.ts';
import { eventually } from '../eventually.ts';
import { freePort } from './free-ports.ts';
import { startPart, type Part } from './process.ts';

/** Temporal's dev server, without its Web UI. */
export type TestTemporal = AsyncDisposable & {
  readonly address: string;
  readonly kill: () => Promise<void>;
  /** Starts it again on the same port and database. */
  readonly start: () => Promise<void>;
  readonly close: () => Promise<void>;
};

/** Longest until a new or restarted server answers; ms. */
const READY_MS = 60_000;
const SEARCH_ATTRIBUTES = ['RefitFleet', 'RefitUpgrade', 'RefitRelease', 'RefitPhase', 'RefitState'];
/** The server's default of 20 polls a second makes each step of a workflow wait 100 ms. */
const POLLS_PER_SECOND = 2_000;

export async function startTemporal(say: (line: string) => void = () => undefined): Promise<TestTemporal> {
  const program = await ensureTemporalCli(say);
  const folder = await mkdtemp(join(tmpdir(), 'refit-temporal-'));
  const port = await freePort();
  const args = ['server', 'start-dev', '--headless', ...flags(port, join(folder, 'temporal.db'))];
  let part: Part | null = null;
  const start = async (): Promise<void> => {
    const started = startPart({ program, args, logFile: join(folder, 'log') });
    part = started;
    await eventually(() => isServing(port, started), { withinMs: READY_MS, everyMs: 50 });
  };
  const kill = async (): Promise<void> => part?.kill();
  const close = async (): Promise<void> => {
    await kill();
    await rm(folder, { recursive: true, force: true });
  };
  await start().catch(async (error: unknown) => {
    await close();
    throw error;
  });
  return { address: `127.0.0.1:${port}`, kill, start, close, [Symbol.asyncDispose]: close };
}

const flags = (port: number, database: string): readonly string[] => [
  ...['--ip', '127.0.0.1', '--port', String(port), '--log-level', 'error', '--db-filename', database],
  ...['--sqlite-pragma', 'journal_mode=wal', '--sqlite-pragma', 'synchronous=normal'],
  ...['transfer', 'timer', 'visibility'].flatMap((queue) => [
    '--dynamic-config-value',
    `history.${queue}ProcessorMaxPollRPS=${POLLS_PER_SECOND}`,
  ]),
  ...SEARCH_ATTRIBUTES.flatMap((name) => ['--search-attribute', `${name}=Keyword`]),
];

/** The port opens only when every service of the server is there. */
function isServing(port: number, part: Part): Promise<boolean> {
  if (part.hasEnded()) throw new Error(`the Temporal server has ended: ${part.tail()}`);
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}
