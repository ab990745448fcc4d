import { placesUnder } from '../../../agent/places.ts';
import { runTrial } from '../../../agent/trial/run-trial.ts';
import { FakeServices } from '../fake-services.ts';
import { fastClock } from '../fast-clock.ts';

// A trial's program in a process of its own, to be killed: FOLDER [BROKEN-VERSION]. Its service manager is in files.
const [folder = '', broken = null] = process.argv.slice(2);
/** The steady second is a twentieth of one. */
const clock = fastClock(20);
const places = placesUnder(folder);
const services = new FakeServices(places, { clock });
services.broken = broken;
await runTrial({ places, services, clock, elapsed: () => clock.now() });
