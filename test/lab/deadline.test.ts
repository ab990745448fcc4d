import { describe, expect, it } from 'vitest';
import { notYet, ready, waitFor } from '../../lab/deadline.ts';

describe('waiting', () => {
  it('looks again until it is there', async () => {
    let looks = 0;

    const value = await waitFor({ what: 'the third look', deadlineMs: 10_000 }, () => {
      looks += 1;
      return Promise.resolve(looks < 3 ? notYet('too early') : ready(looks));
    });

    expect(value).toBe(3);
  });

  it('takes a look that throws for one that sees nothing', async () => {
    let looks = 0;

    await waitFor({ what: 'the second look', deadlineMs: 10_000 }, () => {
      looks += 1;
      if (looks < 2) throw new Error('connection refused');
      return Promise.resolve(ready(true));
    });

    expect(looks).toBe(2);
  });

  it('ends at its deadline with what it waited for, what it saw last, and the evidence', async () => {
    const wait = { what: 'etcd on host-1', deadlineMs: 0, evidence: () => Promise.resolve('journal: no space left\n') };

    await expect(
      waitFor(wait, () => Promise.reject(new Error('fetch failed', { cause: new Error('ECONNREFUSED') }))),
    ).rejects.toThrow(/^waited 0 s for etcd on host-1; last seen: fetch failed: ECONNREFUSED\njournal: no space left$/);
  });
});
