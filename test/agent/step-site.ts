import { join } from 'node:path';
import type { Places } from '../../agent/places.ts';
import type { StepSite } from '../../agent/steps/kind.ts';
import { parseUpgradeId } from '../../model/ids.ts';
import { releaseOf } from './states.ts';
import { me } from './test-host.ts';

/** Where a step of a test works: its release is in `folder`/release, what undo needs in `folder`/undo. */
export const stepSite = (folder: string, places: Places, more: Partial<StepSite> = {}): StepSite => ({
  ...{ host: me, release: releaseOf('2'), upgrade: parseUpgradeId('up-1'), journal: 'j-1', index: 0, was: null },
  ...{ edited: null, before: null, signal: new AbortController().signal },
  ...{ places, releaseFolder: join(folder, 'release'), undoFolder: join(folder, 'undo') },
  ...more,
});
