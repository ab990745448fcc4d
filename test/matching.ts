import { expect } from 'vitest';

/** Vitest's matchers for parts of a value, with a type that is not any. */
export const containing = (text: string): unknown => expect.stringContaining(text);
export const matching = (pattern: RegExp): unknown => expect.stringMatching(pattern);
export const including = (items: readonly string[]): unknown => expect.arrayContaining([...items]);
