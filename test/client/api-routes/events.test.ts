import { describe, expect, test } from 'vitest';
import { readEvents, type ServerEvent } from '../../../client/remote/events.ts';
import { parseServiceId, parseUpgradeId } from '../../../model/ids.ts';
import { eventually } from '../../eventually.ts';
import { readRelease } from '../../fakes/release.ts';
import { startApi, type AnApi } from './an-api.ts';

/** Streams that one identity may have open. */
const MOST_STREAMS = 16;
/** Longest until a stream that was given up has left its place; ms. */
const WITHIN_MS = 10_000;

const first = parseUpgradeId('first');

type Site = AnApi & {
  readonly url: string;
  readonly open: (path?: string) => Promise<OpenStream>;
};
type OpenStream = {
  readonly status: number;
  readonly headers: Headers;
  readonly events: AsyncGenerator<ServerEvent>;
  readonly close: () => void;
};

/** An upgrade is at work, and the API listens. */
async function openSite(): Promise<Site> {
  const api = await startApi();
  const body = { reference: api.lab.publish(readRelease()), id: first };
  await api.ask('POST', '/v1/fleets/lab/upgrades', { body });
  const url = await api.listen();
  const address = `${url}/v1/fleets/lab/upgrades/first/events`;
  return {
    ...{ ...api, url },
    open: (path) => openStream(api, path === undefined ? address : `${url}/v1/fleets/lab/${path}`),
  };
}

async function openStream({ tokens }: AnApi, url: string): Promise<OpenStream> {
  const gone = new AbortController();
  const headers = { authorization: `Bearer ${tokens['operator'] ?? ''}` };
  const { status, headers: answered, body } = await fetch(url, { headers, signal: gone.signal });
  if (body === null) throw new Error(`${url} answered with no body`);
  const pieces = body.pipeThrough(new TextDecoderStream());
  return { status, headers: answered, events: readEvents(pieces), close: () => gone.abort() };
}

async function next({ events }: OpenStream): Promise<ServerEvent & { readonly document: Record<string, unknown> }> {
  const found = await events.next();
  if (found.done === true) throw new Error('the stream has ended');
  return { ...found.value, document: JSON.parse(found.value.data) as Record<string, unknown> };
}

describe('events of an upgrade', () => {
  test('begin with the present state, tell each change, and end with it', async () => {
    await using api = await openSite();
    const stream = await api.open();

    const present = await next(stream);
    api.lab.upgrades.move(first, { phase: 'install' });
    const changed = await next(stream);
    api.lab.upgrades.move(first, { state: 'succeeded' });
    const [last, end] = [await next(stream), await next(stream)];

    expect(stream.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
    expect(present).toMatchObject({ event: 'progress', document: { id: 'first', phase: 'preflight' } });
    expect(changed).toMatchObject({ event: 'progress', document: { phase: 'install' } });
    expect(last).toMatchObject({ event: 'progress', document: { state: 'succeeded' } });
    expect(end).toMatchObject({ event: 'end', document: {} });
    expect((await stream.events.next()).done).toBe(true);
  });

  test('have the same document as the upgrade’s address', async () => {
    await using api = await openSite();
    const stream = await api.open();

    const { document } = await next(stream);
    stream.close();

    expect(document).toEqual((await api.ask('GET', '/v1/fleets/lab/upgrades/first')).body);
  });

  test('of one that is over are its end alone', async () => {
    await using api = await openSite();
    api.lab.upgrades.move(first, { state: 'aborted' });
    const stream = await api.open();

    expect([await next(stream), await next(stream)]).toMatchObject([
      { document: { state: 'aborted' } },
      { event: 'end' },
    ]);
    expect((await stream.events.next()).done).toBe(true);
  });

  test('go on while a service is away, and say so', async () => {
    await using api = await openSite();
    const stream = await api.open();
    await next(stream);

    api.lab.away = 'temporal does not answer';
    const trouble = await next(stream);
    api.lab.away = null;
    const seenAgain = await next(stream);

    expect(trouble).toMatchObject({ event: 'trouble', document: { message: 'temporal does not answer' } });
    expect(seenAgain).toMatchObject({ event: 'progress', document: { id: 'first' } });
    stream.close();
  });

  test('end with the API, without an end of the upgrade', async () => {
    const api = await openSite();
    const stream = await api.open();
    await next(stream);

    await api[Symbol.asyncDispose]();

    expect((await stream.events.next()).done).toBe(true);
  });

  test('are bounded for each identity, and a stream that is given up leaves its place', async () => {
    await using api = await openSite();
    const streams = await Promise.all(Array.from({ length: MOST_STREAMS }, () => api.open()));

    const refused = await api.open();
    streams[0]?.close();
    const isFree = async (): Promise<boolean> => {
      const stream = await api.open();
      stream.close();
      return stream.status === 200;
    };
    await eventually(isFree, { withinMs: WITHIN_MS, everyMs: 50 });

    expect(streams.map(({ status }) => status)).toEqual(streams.map(() => 200));
    expect(refused.status).toBe(429);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    for (const stream of streams) stream.close();
  });

  test('are no body where the head alone is asked for', async () => {
    await using api = await openSite();

    const answer = await api.ask('HEAD', '/v1/fleets/lab/upgrades/first/events');

    expect(answer).toMatchObject({ status: 200, text: '' });
  });
});

describe('events of a service', () => {
  test('end with its run, whatever came of it', async () => {
    await using api = await openSite();
    await api.ask('POST', '/v1/fleets/lab/services/web/upgrades', { body: { image: 'registry.lab:5000/web:2' } });
    const stream = await api.open('services/web/upgrades/latest/events');

    const present = await next(stream);
    api.lab.services.refuse(parseServiceId('web'), 'it has no members');
    const [last, end] = [await next(stream), await next(stream)];

    expect(present).toMatchObject({ document: { run: 'live', progress: { service: 'web' } } });
    expect(last).toMatchObject({ document: { run: 'refused', because: 'it has no members' } });
    expect(end.event).toBe('end');
  });
});
