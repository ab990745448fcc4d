import { z } from 'zod';
import { ASK_MS, type Site } from './replacement/site.ts';

type Asked = Pick<Site, 'connection' | 'signal'>;

/** The engine's own clock, which need not be this machine's; ms since the epoch, NaN when it says nonsense. */
export async function timeOf({ connection, signal }: Asked): Promise<number> {
  const request = { what: 'say its time', method: 'GET', path: '/info' } as const;
  const answer = await connection.ask({ ...request, withinMs: ASK_MS, signal });
  return Date.parse(z.object({ SystemTime: z.string() }).parse(answer).SystemTime);
}

/** Time since a container's start by that clock; ms. */
export async function ageOf(asked: Asked, startedAt: string): Promise<number> {
  const ageMs = (await timeOf(asked)) - Date.parse(startedAt);
  return Number.isFinite(ageMs) ? Math.max(0, ageMs) : 0;
}
