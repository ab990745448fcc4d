import type { Report } from './bus.ts';

/**
 * What the jobs of one host by itself say, a line each: containers of the release that `refit host` runs on the host's
 * engine. `local-check` only looks: it ends with release or refused. `local` orders and follows: it ends with a report
 * that is over, with refused or with failed.
 */
export type LocalLine =
  | LocalRelease
  /** Nothing was changed. */
  | { readonly event: 'refused'; readonly message: string }
  | { readonly event: 'progress'; readonly bytes: number; readonly total: number }
  /** Release and agent are on the host, and the agent runs. */
  | { readonly event: 'done'; readonly agent: string }
  | LocalReport
  | { readonly event: 'failed'; readonly message: string };

export type LocalRelease = {
  readonly event: 'release';
  readonly name: string;
  readonly version: string;
  /** `name version` that the host is on; null: none that refit installed. */
  readonly from: string | null;
  /** Of its host steps; they have to be on the engine before the order is. */
  readonly images: readonly string[];
  readonly deadlineMs: number;
  /** What must be free besides the release; bytes. */
  readonly diskFreeBytes: number;
  /** Names of what the release has besides its host steps: none of it is done here. */
  readonly left: { readonly migrations: readonly string[]; readonly services: readonly string[] };
};

export type LocalReport = { readonly event: 'report' } & Pick<
  Report,
  'phase' | 'step' | 'refused' | 'error' | 'startedAt' | 'finishedAt'
>;

export type LocalAction = 'install' | 'revert';

/** Where the jobs find the host's folders; the socket is D-Bus of the host's service manager. Nothing else of the host. */
export const LOCAL_BINDS = [
  '/var/lib/refit:/host/var/lib/refit',
  '/etc/systemd/system:/host/etc/systemd/system',
  '/run/dbus/system_bus_socket:/run/dbus/system_bus_socket',
] as const;
