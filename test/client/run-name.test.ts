import { describe, expect, it } from 'vitest';
import { runName } from '../../client/run-name.ts';
import { BEGAN } from './progress.ts';

describe('the name of an upgrade that nobody named', () => {
  it.each([
    ['web', 'web-mjwfhnco'],
    ['host-1-My_App', 'host-1-my-app-mjwfhnco'],
    ['_', '--mjwfhnco'.replace(/^-+/, '')],
    ['x'.repeat(90), `${'x'.repeat(54)}-mjwfhnco`],
  ])('of %s is %s', (whose, name) => {
    const now = Number.parseInt('mjwfhnco', 36);

    expect(runName(whose, now)).toBe(name);
  });

  it('comes after those before it', () => {
    expect(runName('web', BEGAN) < runName('web', BEGAN + 1)).toBe(true);
  });
});
