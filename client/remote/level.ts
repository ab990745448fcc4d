import type { z } from 'zod';
import { troubleSchema } from '../api/schemas/events.ts';
import { Unreachable } from '../unreachable.ts';
import { pause } from '../watch.ts';
import { decode } from './call.ts';
import { readEvents } from './events.ts';
import { refusalOf } from './refusal.ts';
import type { Transport } from './transport.ts';

/** Pause before a stream that ended is opened again; ms. */
const RECONNECT_MS = 1_000;

/** What an API's stream said last. */
export type Level<Value> = {
  /** Waits for the first word. null: there is no such thing. Throws Unreachable while the stream can't be had. */
  readonly look: () => Promise<Value | null>;
  readonly close: () => void;
};

type Said<Value> =
  | { readonly said: 'value'; readonly value: Value }
  | { readonly said: 'nothing there' }
  | { readonly said: 'failure'; readonly error: unknown };

/**
 * Follows a stream of server-sent events, whose every event is the whole of what there is.
 *
 * 1. A stream that ends, whoever ended it, is opened again until `close`; it begins with the present state.
 * 2. Whoever looks gets what was said last. Of a stream that could not be opened again that is the failure.
 */
export function followLevel<Value>(transport: Transport, path: string, schema: z.ZodType<Value>): Level<Value> {
  const closing = new AbortController();
  let said: Said<Value> | null = null;
  let wake: () => void = () => undefined;
  const say = (next: Said<Value>): void => {
    said = next;
    wake();
  };
  void followUntil(closing.signal, { transport, path, schema, say });
  return {
    look: async () => {
      while (said === null) await new Promise<void>((resolve) => (wake = resolve));
      return valueOf(said);
    },
    close: () => {
      closing.abort();
      if (said === null) say({ said: 'nothing there' });
    },
  };
}

function valueOf<Value>(said: Said<Value>): Value | null {
  if (said.said === 'failure') throw said.error;
  return said.said === 'value' ? said.value : null;
}

type Following<Value> = {
  readonly transport: Transport;
  readonly path: string;
  readonly schema: z.ZodType<Value>;
  readonly say: (said: Said<Value>) => void;
};

/** Bounded by whoever follows: what is followed may take days. */
async function followUntil<Value>(signal: AbortSignal, following: Following<Value>): Promise<void> {
  while (!signal.aborted) {
    try {
      if ((await followOnce(signal, following)) === 'over') return;
    } catch (error) {
      // Whoever hung up asks for nothing more.
      if (isClosed(signal)) return;
      following.say({ said: 'failure', error });
      if (!(error instanceof Unreachable)) return;
    }
    await pause(RECONNECT_MS, signal);
  }
}

/** It may have been aborted since it was last looked at. */
const isClosed = ({ aborted }: AbortSignal): boolean => aborted;

async function followOnce<Value>(
  signal: AbortSignal,
  { transport, path, schema, say }: Following<Value>,
): Promise<'over' | 'ended'> {
  const { head, body } = await transport.open(path, signal);
  if (head.status === 404) {
    say({ said: 'nothing there' });
    return 'over';
  }
  if (head.status !== 200) throw refusalOf(transport.address, head);
  for await (const { event, data } of readEvents(body)) {
    if (event === 'end') return 'over';
    if (event === 'progress') say({ said: 'value', value: decode(transport.address, data, schema) });
    if (event === 'trouble') {
      const { message } = decode(transport.address, data, troubleSchema);
      say({ said: 'failure', error: new Unreachable(message) });
    }
  }
  return 'ended';
}
