import type { Fleet } from '../model/fleet.ts';
import { connectTemporal, type TemporalConnection } from './connection.ts';

/** The fleet's Temporal, for all that speak to it: one connection, made when it is first needed. */
export type SharedTemporal = {
  /** Throws Unreachable when it doesn't answer; the next one who asks tries again. */
  readonly use: () => Promise<TemporalConnection>;
  readonly close: () => Promise<void>;
};

export function shareTemporal(fleet: Fleet): SharedTemporal {
  let connecting: Promise<TemporalConnection> | null = null;
  const use = (): Promise<TemporalConnection> => {
    const current = (connecting ??= connectTemporal(fleet));
    current.catch(() => {
      if (connecting === current) connecting = null;
    });
    return current;
  };
  const close = async (): Promise<void> => {
    const last = connecting;
    connecting = null;
    const temporal = await last?.catch(() => null);
    await temporal?.close();
  };
  return { use, close };
}
