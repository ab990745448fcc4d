import type { ChainInput } from '../activities/activities.ts';
import type { ChainWaveInput } from './wave-input.ts';

/** What the activities of a chain are told of its child's input. */
export function activityInput(input: ChainWaveInput): ChainInput {
  const { name, isResumed: _, ...rest } = input;
  return { ...rest, wave: name };
}
