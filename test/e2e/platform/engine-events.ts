import { onHost } from './refit.ts';

/** A member's container started or ended, by its engine's own time; ns since the epoch, as a number it loses some hundred. */
export type EngineEvent = {
  readonly host: string;
  readonly action: 'start' | 'die';
  readonly name: string;
  readonly at: number;
};

type Line = {
  readonly Action: string;
  readonly timeNano: number;
  readonly Actor: { readonly Attributes: { readonly name: string } };
};

/** What the engines saw of the service's containers since then (ms since the epoch). */
export async function serviceEvents(hosts: readonly string[], since: number): Promise<readonly EngineEvent[]> {
  const filters = ['type=container', 'event=start', 'event=die', 'label=dev.refit.service=web'].flatMap((one) => [
    '--filter',
    one,
  ]);
  const from = (since / 1000).toFixed(3);
  const events = await Promise.all(
    hosts.map(async (host) => {
      const until = (Date.now() / 1000).toFixed(3);
      const text = await onHost(host, [
        'docker',
        'events',
        '--since',
        from,
        '--until',
        until,
        ...filters,
        '--format',
        '{{json .}}',
      ]);
      return text
        .split('\n')
        .filter(Boolean)
        .map((line) => toEvent(host, JSON.parse(line) as Line));
    }),
  );
  return events.flat();
}

const toEvent = (host: string, { Action, timeNano, Actor }: Line): EngineEvent => ({
  host,
  action: Action === 'die' ? 'die' : 'start',
  name: Actor.Attributes.name,
  at: timeNano,
});
