import { defineSearchAttributeKey } from '@temporalio/common';

/** What upgrades are found by in Temporal's visibility; docs/operating.md says how to register them. */
export const searchAttributes = {
  fleet: defineSearchAttributeKey('RefitFleet', 'KEYWORD'),
  upgrade: defineSearchAttributeKey('RefitUpgrade', 'KEYWORD'),
  release: defineSearchAttributeKey('RefitRelease', 'KEYWORD'),
  phase: defineSearchAttributeKey('RefitPhase', 'KEYWORD'),
  state: defineSearchAttributeKey('RefitState', 'KEYWORD'),
} as const;
