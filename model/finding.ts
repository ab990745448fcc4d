import type { HostId } from './ids.ts';
import type { Finding } from './upgrade.ts';

/** What stops an upgrade before any host is touched; `host` null: the whole fleet. */
export const error = (host: HostId | null, what: string, remedy: string): Finding => ({
  host,
  severity: 'error',
  what,
  remedy,
});

export const warning = (host: HostId | null, what: string, remedy: string): Finding => ({
  host,
  severity: 'warning',
  what,
  remedy,
});
