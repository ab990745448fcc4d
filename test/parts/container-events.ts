import { Readable } from 'node:stream';
import Docker from 'dockerode';
import { z } from 'zod';
import type { TestEngine } from './engine.ts';

/** What an engine did with its containers, in its order: `destroy shop-blue-web-1`. */
export type ContainerEvents = {
  readonly seen: readonly string[];
  readonly close: () => void;
};

const line = z.object({
  Action: z.string(),
  Actor: z.object({ Attributes: z.object({ name: z.string() }) }),
});

/** As long as it runs: an engine remembers only its last few hundred events. */
export async function followContainers({ access }: Pick<TestEngine, 'access'>): Promise<ContainerEvents> {
  const docker = new Docker({ socketPath: new URL(access.endpoint).pathname });
  const filters = JSON.stringify({ type: ['container'], event: ['create', 'start', 'destroy'] });
  const stream = await docker.getEvents({ filters });
  const seen: string[] = [];
  let rest = '';
  stream.setEncoding('utf8');
  stream.on('data', (chunk: string) => {
    const lines = `${rest}${chunk}`.split('\n');
    rest = lines.pop() ?? '';
    for (const text of lines.filter((one) => one !== '')) {
      const { Action: action, Actor: actor } = line.parse(JSON.parse(text));
      seen.push(`${action} ${actor.Attributes.name}`);
    }
  });
  // It is destroyed, or the engine is.
  stream.on('error', () => undefined);
  return {
    seen,
    close: () => {
      if (stream instanceof Readable) stream.destroy();
    },
  };
}
