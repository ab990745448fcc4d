import { defineSearchAttributeKey, TypedSearchAttributes } from '@temporalio/common';
import type { FleetId, UpgradeId } from '../model/ids.ts';

/** What upgrades are found by in Temporal's visibility; docs/operating.md says how to register them. */
export const searchAttributes = {
  fleet: defineSearchAttributeKey('RefitFleet', 'KEYWORD'),
  upgrade: defineSearchAttributeKey('RefitUpgrade', 'KEYWORD'),
  release: defineSearchAttributeKey('RefitRelease', 'KEYWORD'),
  phase: defineSearchAttributeKey('RefitPhase', 'KEYWORD'),
  state: defineSearchAttributeKey('RefitState', 'KEYWORD'),
} as const;

/** What every workflow of an upgrade is found by from its start on. */
export const searchAttributesOf = (fleet: FleetId, upgrade: UpgradeId): TypedSearchAttributes =>
  new TypedSearchAttributes([
    { key: searchAttributes.fleet, value: fleet },
    { key: searchAttributes.upgrade, value: upgrade },
  ]);
