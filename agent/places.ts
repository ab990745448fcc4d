import { join } from 'node:path';
import { digestHex, type Digest } from '../model/ids.ts';

/** Everything of refit's on a host lies in this one folder. */
export const STATE_FOLDER = '/var/lib/refit';

/** Paths on the host; `root` is `/` on a host, a folder in tests, `/host` in a container. */
export type Places = {
  readonly root: string;
  readonly state: string;
  readonly releases: string;
  readonly release: (digest: Digest) => string;
  readonly agents: string;
  readonly journal: string;
  readonly undo: string;
  /** What one step keeps for its undo. */
  readonly undoOf: (journal: string, index: number) => string;
  readonly config: string;
  readonly installed: string;
  /** Made anew after every boot: /run is empty then. */
  readonly bootMark: string;
  readonly units: string;
  /** A path of the host, as a release names it. */
  readonly on: (path: string) => string;
};

export function placesUnder(root: string): Places {
  const state = join(root, STATE_FOLDER);
  return {
    root,
    state,
    releases: join(state, 'releases'),
    release: (digest) => join(state, 'releases', digestHex(digest)),
    agents: join(state, 'agents'),
    journal: join(state, 'journal'),
    undo: join(state, 'undo'),
    undoOf: (journal, index) => join(state, 'undo', journal, String(index)),
    config: join(state, 'agent.json'),
    installed: join(state, 'installed.json'),
    bootMark: join(root, '/run/refit/boot-id'),
    units: join(root, '/etc/systemd/system'),
    on: (path) => join(root, path),
  };
}

/** Holds the version of the agent that last read its journals and went to work. Trial programs of other versions read it. */
export const aliveMark = (places: Places): string => join(places.state, 'agent-alive');

/** Holds the version of the agent on trial that saw its own sign of life on the bus. Trial programs of other versions read it. */
export const busMark = (places: Places): string => join(places.state, 'agent-on-bus');

/** Kernels that refit installed on the host. */
export const kernelsFile = (places: Places): string => join(places.state, 'kernels.json');
