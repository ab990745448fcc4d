import rateLimit from '@fastify/rate-limit';
import type { FastifyRequest } from 'fastify';
import type { App } from './app.ts';
import { problemOf } from './problem-answer.ts';

/** How much one identity, or one address of nobody known, may ask. */
export type Limits = {
  readonly requestsPerMinute: number;
  /** Requests that change something; each may leave a record on the bus for a day. */
  readonly changesPerMinute: number;
  readonly bodyBytes: number;
};

export const defaultLimits: Limits = { requestsPerMinute: 600, changesPerMinute: 60, bodyBytes: 256 * 1024 };

/** What the limits are counted by; ms. */
const WINDOW_MS = 60_000;
/** Identities and addresses that are counted at once. */
const COUNTED = 10_000;
/** Asked every few seconds by what watches over the API, and without cost. */
const UNLIMITED = ['/healthz'];

/** To be called between finding out who asks and refusing: what is refused counts, by its address. */
export async function registerLimits(app: App, { requestsPerMinute, changesPerMinute }: Limits): Promise<void> {
  await app.register(rateLimit, { global: false, cache: COUNTED, timeWindow: WINDOW_MS, keyGenerator: askedBy });
  const checkAll = app.createRateLimit({ max: requestsPerMinute });
  const checkChanges = app.createRateLimit({ max: changesPerMinute });
  app.addHook('onRequest', async (request) => {
    const { url, config } = request.routeOptions;
    if (url !== undefined && UNLIMITED.includes(url)) return;
    for (const check of config.changes === true ? [checkAll, checkChanges] : [checkAll]) {
      const checked = await check(request);
      if (!checked.isAllowed && checked.isExceeded) throw tooMany(checked.max, checked.ttlInSeconds);
    }
  });
}

const askedBy = ({ identity, ip }: FastifyRequest): string =>
  identity === null ? `address ${ip}` : `${identity.by} ${identity.name}`;

const tooMany = (most: number, afterS: number): Error =>
  problemOf(429, `at most ${most} of these requests a minute; ask again in ${afterS} s`, {
    headers: { 'retry-after': String(afterS) },
  });
