import type { App } from '../app.ts';
import { registerContainers } from './containers.ts';
import { registerFleets } from './fleets.ts';
import { registerReleases } from './releases.ts';
import { registerServices } from './services.ts';
import { createStreams } from './stream.ts';
import { registerUnits } from './units.ts';
import { registerUpgrades } from './upgrades.ts';

/** Everything that the command line can do, as resources below `/v1`. */
export function registerRoutes(app: App): void {
  const streams = createStreams(app);
  registerFleets(app);
  registerReleases(app);
  registerUpgrades(app, streams);
  registerContainers(app, streams);
  registerServices(app, streams);
  registerUnits(app, streams);
}
