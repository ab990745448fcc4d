import { createServer, type Server } from 'node:net';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { isFreeOnLoopback, pickPorts } from '../../lab/ports.ts';

const servers: Server[] = [];

afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => new Promise((resolve) => server.close(resolve))));
});

function listen(): Promise<number> {
  const server = createServer();
  servers.push(server);
  return new Promise((resolve, reject) => {
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      if (address === null || typeof address === 'string') reject(new Error('no port'));
      else resolve(address.port);
    });
  });
}

describe('the ports of a lab', () => {
  it('are never given twice and never in use', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string(), fc.array(fc.nat({ max: 40 }), { maxLength: 30 }), async (lab, blocked) => {
        const first = await pickPorts(lab, () => Promise.resolve(true)).next();
        const isFree = (port: number): Promise<boolean> => Promise.resolve(!blocked.includes(port - first));
        const picker = pickPorts(lab, isFree);

        const ports: number[] = [];
        for (let count = 0; count < 40; count += 1) ports.push(await picker.next());

        expect(new Set(ports).size).toBe(40);
        for (const port of ports) expect(await isFree(port)).toBe(true);
      }),
      { numRuns: 200 },
    );
  });

  it('are the same for the same lab, so that a lab taken down and up again keeps its addresses', async () => {
    const free = (): Promise<boolean> => Promise.resolve(true);

    expect(await pickPorts('lab', free).next()).toBe(await pickPorts('lab', free).next());
  });

  it('lie below those that the kernel hands out to others', async () => {
    for (const lab of ['lab', 'test', 'labtest', 'a', 'b']) {
      const port = await pickPorts(lab, () => Promise.resolve(true)).next();

      expect(port).toBeGreaterThanOrEqual(20_000);
      expect(port).toBeLessThan(32_768);
    }
  });

  it('are the wanted ones if those are free, else others', async () => {
    const taken = await listen();

    expect(await pickPorts('lab').prefer(taken)).not.toBe(taken);
    expect(await pickPorts('lab', () => Promise.resolve(true)).prefer(7233)).toBe(7233);
  });

  it('are given up on, with what to do, when none is free', async () => {
    await expect(pickPorts('lab', () => Promise.resolve(false)).next()).rejects.toThrow(
      /no free port .* stop what listens/,
    );
  });

  it('are looked at on this machine', async () => {
    const taken = await listen();

    expect(await isFreeOnLoopback(taken)).toBe(false);
  });
});
