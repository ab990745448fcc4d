import { workLabels, type Replacement } from '../../../model/replacement.ts';

/** By image new:1, with nothing else that is new. */
export const wish = (container: string, more: Partial<Replacement> = {}): Replacement => ({
  container,
  image: 'new:1',
  base: 'kept',
  settings: {},
  labels: { [workLabels.upgrade]: 'upgrade-1' },
  health: { minHealthyTimeMs: 100, deadlineMs: 10_000, probe: null },
  keepOld: false,
  until: 'healthy',
  onFailure: 'putBack',
  failed: null,
  ...more,
});
