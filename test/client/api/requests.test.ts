import { describe, expect, test } from 'vitest';
import { createRequests, type AskedRequest } from '../../../client/api/requests.ts';
import { Unreachable } from '../../../client/unreachable.ts';
import { isName, parseFleetId } from '../../../model/ids.ts';
import { MemoryLasting } from '../../fakes/lasting-values.ts';
import { begun, describeRequests } from './requests-contract.ts';

const request: AskedRequest = {
  fleet: parseFleetId('memory'),
  identity: { by: 'token', name: 'anna' },
  key: 'k',
  fingerprint: 'POST /v1/x {}',
};

describe('requests in memory', () => {
  const values = new MemoryLasting();
  describeRequests(() => values);
});

describe('requests when etcd fails', () => {
  test('nothing is begun while it is away', async () => {
    const values = new MemoryLasting();
    values.down();

    await expect(createRequests(() => values).begin(request)).rejects.toThrow(Unreachable);
  });

  test('a beginning whose answer was lost is settled by reading', async () => {
    for (const effect of ['applied', 'dropped'] as const) {
      const values = new MemoryLasting();
      values.loseNextAnswer(effect);

      expect((await createRequests(() => values).begin(request)).outcome).toBe('begun');
    }
  });

  test('an end that etcd may not keep is said', async () => {
    const values = new MemoryLasting();
    const { finish } = begun(await createRequests(() => values).begin(request));
    values.loseNextAnswer('dropped');

    await expect(finish(null)).rejects.toThrow(Unreachable);
  });

  test('an entry that can’t be read is not worked at', async () => {
    const values = new MemoryLasting();
    await createRequests(() => values).begin(request);
    values.rewrite(() => '{"v":2}');

    await expect(createRequests(() => values).begin(request)).rejects.toThrow(/can't be read; use another key/);
  });
});

test('a request key is a legal part of a name', async () => {
  const { requestKey } = begun(await createRequests(() => new MemoryLasting()).begin({ ...request, key: 'Ä b/ü' }));

  expect(isName(requestKey)).toBe(true);
});
