import { describe } from 'vitest';
import { MemoryBus } from '../fakes/memory-bus.ts';
import { describeBus } from './bus-contract.ts';

describe('the bus in memory', () => {
  const store = new MemoryBus();
  describeBus(() => store.connect());
});
