import { expect, test } from 'vitest';
import { planAgents } from '../../model/self-upgrade.ts';

test('agents that live and are others go first; hosts without one get it with their download', () => {
  expect(planAgents('b', { running: ['a', 'b', null, 'c'], hops: 1 })).toEqual({ to: 'b', hosts: 2 });
});

test('nobody’s agent goes first where all are there, or nothing says what the release’s is', () => {
  expect(planAgents('b', { running: ['b', null], hops: 1 })).toBeNull();
  expect(planAgents(null, { running: ['a'], hops: 1 })).toBeNull();
});

test('over several hops, and in a fleet whose history would not hold it, agents come with the downloads', () => {
  expect(planAgents('b', { running: ['a'], hops: 2 })).toBeNull();
  expect(planAgents('b', { running: Array.from({ length: 50_001 }, () => 'a'), hops: 1 })).toBeNull();
});
