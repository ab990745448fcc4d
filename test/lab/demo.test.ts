import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { startLoad } from '../../lab/demo/load.ts';
import { versionOf, type Measured } from '../../lab/demo/measure.ts';
import { changes, formatMs, resultTable, serviceLine, unitLine } from '../../lab/demo/result.ts';
import { eventually } from '../eventually.ts';

const first: Measured = {
  host: 'host-1',
  daemon: '1.0.0',
  cli: '1.0.0',
  dns: '1.0.0',
  configuration: 'aaaa',
  boot: '1',
  web: ['1.0.0', '1.0.0'],
  once: ['1.0.0 upgraded by lab-1'],
};
const next: Measured = {
  ...first,
  daemon: '2.0.0',
  cli: '2.0.0',
  dns: '2.0.0',
  configuration: 'bbbb',
  boot: '2',
  web: ['2.0.0', '2.0.0'],
};

describe('what the demo measures', () => {
  test('a host is at a version only when its daemon, packages and name server agree', () => {
    expect(versionOf(next)).toBe('2.0.0');
    expect(versionOf({ ...next, dns: '1.0.0' })).toBeNull();
    expect(versionOf({ ...next, daemon: null })).toBeNull();
  });

  test('what changed is named', () => {
    expect(changes(first, next)).toEqual(['packages', 'daemon', 'configuration', 'name server', 'restarted']);
    expect(changes(next, next)).toEqual([]);
  });

  test('the table has a row a host, with what its users saw', () => {
    const seen = new Map([['host-1', { answered: 100, failed: 3, reasons: [], longestGapMs: 1_840 }]]);

    const text = resultTable({ before: [first], after: [next], seen, times: new Map([['host-1', 6_250]]) });

    expect(text).toMatch(/host-1 +1\.0\.0 → 2\.0\.0 .* 6\.3 s +1\.8 s +100 answered, 3 failed/);
  });

  test('a host whose parts differ is shown part by part', () => {
    const text = resultTable({ before: [], after: [{ ...next, dns: null }], seen: new Map(), times: new Map() });

    expect(text).toContain('daemon 2.0.0, packages 2.0.0, dns ?');
  });

  test('the members of the service are counted by what they answer', () => {
    const seen = { answered: 900, failed: 0, reasons: [], longestGapMs: 60 };

    expect(serviceLine([next, { ...next, host: 'host-2', web: ['2.0.0', '1.0.0'] }], seen)).toBe(
      'service web: 3 of 4 members at 2.0.0, 1 of 4 members at 1.0.0; through the load balancer 900 requests answered, 0 failed',
    );
    expect(serviceLine([{ ...next, web: [] }], undefined)).toBe('service web: no member answers');
  });

  test('the slot of the unit that serves is named, with what its users saw', () => {
    const seen = { answered: 900, failed: 0, reasons: [], longestGapMs: 60 };
    const before = { version: '1.0.0', slot: 'blue' };

    expect(unitLine({ before, after: { version: '2.0.0', slot: 'green' }, seen })).toBe(
      'unit shop: 2.0.0 serves out of slot green (before: 1.0.0 out of blue); through the load balancer 900 requests answered, 0 failed',
    );
    expect(unitLine({ before: null, after: null, seen })).toMatch(/^unit shop: nobody answers; through/);
  });

  test('times are short to read', () => {
    expect([formatMs(40), formatMs(1_840)]).toEqual(['40 ms', '1.8 s']);
  });
});

describe('the requests of the demo', () => {
  const servers: Server[] = [];
  afterEach(() => {
    for (const server of servers.splice(0)) server.close();
  });

  test('answers and failures are counted, and the longest gap between two answers', async () => {
    let status = 200;
    let asked = 0;
    const server = createServer((_request, response) => {
      asked += 1;
      response.writeHead(status).end();
    });
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const load = startLoad([{ name: 'host-1', url: `http://127.0.0.1:${port}/` }]);

    await eventually(() => expect(asked).toBeGreaterThan(2), { withinMs: 5_000 });
    status = 503;
    const before = asked;
    await eventually(() => expect(asked).toBeGreaterThan(before + 3), { withinMs: 5_000 });
    status = 200;
    const after = asked;
    await eventually(() => expect(asked).toBeGreaterThan(after + 3), { withinMs: 5_000 });
    const seen = (await load.stop()).get('host-1');

    expect(seen?.failed).toBeGreaterThanOrEqual(3);
    expect(seen?.reasons[0]).toMatch(/: status 503$/);
    expect(seen?.answered).toBeGreaterThanOrEqual(5);
    // Four pauses of 40 ms lie between the last answer before and the first one after.
    expect(seen?.longestGapMs).toBeGreaterThan(120);
  });
});
