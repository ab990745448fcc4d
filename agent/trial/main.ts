import { connectServiceManager } from '../../drivers/systemd.ts';
import { hostClock } from '../host-clock.ts';
import { placesUnder } from '../places.ts';
import { runTrial } from './run-trial.ts';

/** A program of its own beside the agent, small, since it has to work when the agent does not. */
const DBUS_SOCKET = '/run/dbus/system_bus_socket';

async function main(): Promise<void> {
  const { env } = process;
  const services = await connectServiceManager(DBUS_SOCKET);
  try {
    await runTrial({
      places: placesUnder(env['REFIT_ROOT'] ?? '/'),
      services,
      clock: hostClock,
      elapsed: () => performance.now(),
    });
  } finally {
    services.close();
  }
}

// The service manager starts it again, and it resumes.
main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  process.exit(1);
});
