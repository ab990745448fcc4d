import { connectDbus, type Dbus } from './dbus.ts';

const SYSTEMD = 'org.freedesktop.systemd1';
const MANAGER = { destination: SYSTEMD, path: '/org/freedesktop/systemd1', interface: `${SYSTEMD}.Manager` } as const;

/** What the Downloader Job and an agent's trial ask of a host's service manager. */
export interface ServiceManager {
  reload(): Promise<void>;
  /** Idempotent. */
  enable(unit: string): Promise<void>;
  /** Idempotent; what runs goes on. */
  disable(unit: string): Promise<void>;
  /** Asks for it and returns: `activeState` tells when it has ended. */
  stop(unit: string): Promise<void>;
  /** A unit that runs already is fine. */
  start(unit: string): Promise<void>;
  restart(unit: string): Promise<void>;
  /** `active`, `activating`, `failed`, …; `unknown` for a unit that is not loaded. */
  activeState(unit: string): Promise<string>;
  close(): void;
}

/** systemd over D-Bus: works from a container that has the bus's socket and no privilege, where `systemctl` does not. */
export async function connectServiceManager(socketPath: string): Promise<ServiceManager> {
  const bus = await connectDbus(socketPath);
  // `replace`: an earlier job of the same unit must not be in the way.
  const job = async (member: string, unit: string): Promise<void> => {
    await bus.call({ ...MANAGER, member, arguments: [text(unit), text('replace')] });
  };
  return {
    reload: async () => {
      await bus.call({ ...MANAGER, member: 'Reload' });
    },
    enable: async (unit) => {
      const flags = [
        { type: 'b', value: false },
        { type: 'b', value: true },
      ] as const;
      await bus.call({ ...MANAGER, member: 'EnableUnitFiles', arguments: [{ type: 'as', value: [unit] }, ...flags] });
    },
    disable: async (unit) => {
      const isRuntime = { type: 'b', value: false } as const;
      await bus.call({
        ...MANAGER,
        member: 'DisableUnitFiles',
        arguments: [{ type: 'as', value: [unit] }, isRuntime],
      });
    },
    stop: (unit) => job('StopUnit', unit),
    start: (unit) => job('StartUnit', unit),
    restart: (unit) => job('RestartUnit', unit),
    activeState: (unit) => activeState(bus, unit),
    close: () => bus.close(),
  };
}

async function activeState(bus: Dbus, unit: string): Promise<string> {
  const [path] = await bus.call({ ...MANAGER, member: 'LoadUnit', arguments: [text(unit)] });
  const [state] = await bus.call({
    destination: SYSTEMD,
    path: path ?? '/',
    interface: 'org.freedesktop.DBus.Properties',
    member: 'Get',
    arguments: [text(`${SYSTEMD}.Unit`), text('ActiveState')],
  });
  return state ?? 'unknown';
}

const text = (value: string): { type: 's'; value: string } => ({ type: 's', value });
