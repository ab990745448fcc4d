import type { Explained } from './differences.ts';

const SHORT_ID = /^[0-9a-f]{12}$/;
const isText = (value: unknown, pattern: RegExp): boolean => typeof value === 'string' && pattern.test(value);

/** Differences that every replacement has, with the reason of each. */
export const always: readonly Explained[] = [
  { path: /^Id$/, why: 'Docker can not keep the id' },
  { path: /^Created$/, why: 'it was created later' },
  { path: /^State\.(Pid|StartedAt|FinishedAt)$/, why: 'another process, started later' },
  { path: /^ExecIDs/, why: 'a check that runs at this moment' },
  { path: /^State\.Health\./, why: 'checks of another process' },
  {
    path: /^Config\.Labels\.dev\.refit\.(config|replaces|was)$/,
    why: 'what the engine is to remember of the replacement',
  },
  { path: /^Image$/, why: 'the new image: what was asked for' },
  { path: /^Config\.Image$/, why: 'the new image: what was asked for' },
  { path: /^(ResolvConf|Hostname|Hosts|Log)Path$/, why: 'the engine keeps them in a folder named by the id' },
  { path: /^GraphDriver\.Data\./, why: 'a writable layer of its own, over the new image' },
  { path: /^NetworkSettings\.Sandbox(ID|Key)$/, why: 'a network namespace of its own' },
  { path: /^NetworkSettings\.(Networks\..+\.)?EndpointID$/, why: 'an endpoint of its own' },
  {
    path: /^Config\.Hostname$/,
    why: 'none was set, and the engine makes it of the id',
    holds: ({ before, after }) => isText(before, SHORT_ID) && isText(after, SHORT_ID),
  },
  {
    path: /^NetworkSettings\.Networks\..+\.Aliases\[[0-9a-f]{12}\]$/,
    why: 'the engine adds the beginning of the id',
  },
  {
    path: /^HostConfig\.RestartPolicy\.Name$/,
    why: 'two words of the engine for the same: no policy',
    holds: ({ before, after }) => before === '' && after === 'no',
  },
];

/** Differences that some containers have. */
export const anyHostPort: Explained = {
  path: /^NetworkSettings\.Ports\..+\.HostPort$/,
  why: 'none was set: the engine takes any free port',
};
export const boundById: readonly Explained[] = [
  {
    path: /^HostConfig\.Binds/,
    why: 'a volume without a name is bound by its id',
    holds: ({ before, after }) => before === null || isText(after, /^[0-9a-f]{64}:/),
  },
  {
    path: /^Mounts\[.+\]\.Mode$/,
    why: 'engines mark what is bound by a name as shared between labels of SELinux',
    holds: ({ before, after }) => before === '' && after === 'z',
  },
];
export const namedNetwork: Explained = {
  path: /^HostConfig\.NetworkMode$/,
  why: 'a network that was given by its id is given by its name: its endpoint is kept by that',
  holds: ({ before, after }) => isText(before, /^[0-9a-f]{64}$/) && after === 'first',
};
export const mountedById: Explained = {
  path: /^HostConfig\.Mounts\[\d+\]\.Source$/,
  why: 'a volume without a name is mounted by its id',
  holds: ({ before, after }) => before === undefined && isText(after, /^[0-9a-f]{64}$/),
};
