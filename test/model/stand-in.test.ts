import { describe, expect, it } from 'vitest';
import { asideName, freshName, isStandIn, keptName, standInOf } from '../../model/replacement.ts';

const ID = '0123456789abcdef'.repeat(4);

describe('names of stand-ins', () => {
  it('each is told from its name', () => {
    expect(standInOf(freshName('web'))).toEqual({ container: 'web', as: 'new' });
    expect(standInOf(asideName('web', ID))).toEqual({ container: 'web', as: 'old' });
    expect(standInOf(keptName('web', ID))).toEqual({ container: 'web', as: 'kept' });
  });

  it.each(['web', 'web.refit-new-01234567', 'web.refit-old', 'web.refit-kept-0123', '.refit-new', 'web.refit-newer'])(
    '%s is a container’s own',
    (name) => {
      expect(standInOf(name)).toBeNull();
      expect(isStandIn(name)).toBe(false);
    },
  );
});
