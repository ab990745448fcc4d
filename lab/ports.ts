import { connect, createServer } from 'node:net';
import { spread } from './paths.ts';

/** The lab's ports lie below 32768, where the kernel starts to hand out ports to others. */
const FIRST = 20_000;
const LAST = 31_999;

/** Labs start looking at different places, this many ports apart. */
const STRIDE = 200;

/** Hands out ports of loopback that nobody listens on, each once. */
export interface PortPicker {
  next(): Promise<number>;
  /** The wanted port if it is free, else the next free one. */
  prefer(port: number): Promise<number>;
}

/** The engine would choose another port after each restart of a container, so the lab chooses once and keeps the choice. */
export function pickPorts(lab: string, isFree: (port: number) => Promise<boolean> = isFreeOnLoopback): PortPicker {
  const given = new Set<number>();
  let candidate = FIRST + spread(lab, Math.floor((LAST - FIRST) / STRIDE)) * STRIDE;
  const take = async (port: number): Promise<boolean> => {
    if (given.has(port) || !(await isFree(port))) return false;
    given.add(port);
    return true;
  };
  const next = async (): Promise<number> => {
    for (let looked = 0; looked <= LAST - FIRST; looked += 1) {
      const port = candidate;
      candidate = candidate === LAST ? FIRST : candidate + 1;
      if (await take(port)) return port;
    }
    throw new Error(`no free port on 127.0.0.1 between ${FIRST} and ${LAST}; stop what listens there`);
  };
  return { next, prefer: async (port) => ((await take(port)) ? port : next()) };
}

/** Whether somebody takes connections there. */
export function isListening(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, host);
    socket.once('error', () => resolve(false)).once('connect', () => resolve(true));
    socket.once('connect', () => socket.destroy());
  });
}

export function isFreeOnLoopback(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => resolve(true)));
  });
}
