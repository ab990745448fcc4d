import { get } from './http.ts';

/** What upgrades are found by in the Web UI and on the command line. */
const SEARCH_ATTRIBUTES = ['RefitFleet', 'RefitUpgrade', 'RefitRelease', 'RefitPhase', 'RefitState'];

/** Polls a second of the server's queues. The default of 20 makes every step wait 100 ms; measured, this makes it 18. */
const POLLS_PER_SECOND = 2_000;

const POLLED_QUEUES = ['transfer', 'timer', 'visibility'];

/**
 * Longest that a worker's question for work stays open; s. A suspended worker leaves its own behind, each of which takes a task
 * that is missed only ten seconds later: with the default of a minute that is a minute for one upgrade.
 */
const POLL_S = 10;

/** The namespace that a dev server has without being asked. */
const DEFAULT_NAMESPACE = 'default';

export type DevServer = {
  readonly port: number;
  readonly uiPort: number;
  readonly database: string;
  readonly namespace?: string;
};

/** What Temporal's command line tool is called with for a server on loopback that upgrades run well on. */
export function devServerArguments({ port, uiPort, database, namespace }: DevServer): readonly string[] {
  return [
    ...['server', 'start-dev', '--ip', '127.0.0.1', '--port', String(port), '--ui-port', String(uiPort)],
    ...['--log-level', 'warn', '--db-filename', database],
    ...(namespace === undefined || namespace === DEFAULT_NAMESPACE ? [] : ['--namespace', namespace]),
    // A killed server loses nothing with these, a power cut may lose its last commits: this data can bear that.
    ...['--sqlite-pragma', 'journal_mode=wal', '--sqlite-pragma', 'synchronous=normal'],
    ...POLLED_QUEUES.flatMap((queue) => [
      '--dynamic-config-value',
      `history.${queue}ProcessorMaxPollRPS=${POLLS_PER_SECOND}`,
    ]),
    ...['--dynamic-config-value', `matching.longPollExpirationInterval="${POLL_S}s"`],
    ...SEARCH_ATTRIBUTES.flatMap((name) => ['--search-attribute', `${name}=Keyword`]),
  ];
}

/** The Web UI asks the server itself, so its answer speaks for both. */
export async function isWebUiAlive(ui: string, namespace: string = DEFAULT_NAMESPACE): Promise<boolean> {
  return get(`${ui}/api/v1/namespaces/${namespace}`).then(
    ({ status, body }) => status === 200 && body.includes('namespaceInfo'),
    () => false,
  );
}
