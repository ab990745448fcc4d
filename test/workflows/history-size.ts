import type { temporal } from '@temporalio/proto';
import { expect } from 'vitest';
import type { Upgrade } from './upgrade.ts';

/** What a payload may weigh; bytes. */
const MAX_PAYLOAD = 16_384;
/** What Temporal takes as current details; bytes. */
const MAX_DETAILS = 20_000;

export type Event = temporal.api.history.v1.IHistoryEvent;

export async function expectSmallDetails(handle: Upgrade['handle']): Promise<void> {
  const details = await handle.query<{ currentDetails: string }>('__temporal_workflow_metadata');
  expect(Buffer.byteLength(details.currentDetails), 'bytes of current details').toBeLessThan(MAX_DETAILS);
}

export function expectSmallPayloads(events: readonly Event[]): void {
  const sizes = events.flatMap(payloadSizes);
  expect(sizes.length).toBeGreaterThan(0);
  expect(Math.max(...sizes), 'bytes of the largest payload').toBeLessThan(MAX_PAYLOAD);
}

/** Every payload carries its bytes in `data`, wherever it lies in an event. */
function payloadSizes(value: unknown): readonly number[] {
  if (typeof value !== 'object' || value === null) return [];
  if (value instanceof Uint8Array) return [];
  if ('data' in value && value.data instanceof Uint8Array) return [value.data.byteLength];
  return Object.values(value).flatMap(payloadSizes);
}
