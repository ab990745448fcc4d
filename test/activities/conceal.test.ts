import { describe, expect, it } from 'vitest';
import { conceal } from '../../activities/conceal.ts';

describe('taking secrets out of a text', () => {
  it('every one of them goes, wherever it is', () => {
    expect(conceal('user horse, password correct-horse', ['horse', 'correct'])).toBe('user …, password …-…');
  });

  it('one that is part of another does not leave the rest of it', () => {
    expect(conceal('password correct-horse', ['horse', 'correct-horse'])).toBe('password …');
  });

  it('short values stay: they are words that a text has by chance', () => {
    expect(conceal('exited with code 80', ['80', ''])).toBe('exited with code 80');
  });
});
