import { createServer, connect } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createHaproxy } from '../../drivers/haproxy/balancer.ts';
import { LoadBalancerError, type BalancedServer, type LoadBalancer } from '../../model/load-balancer.ts';
import { eventually } from '../eventually.ts';
import { portOf } from '../parts/free-ports.ts';
import { startHaproxy, type TestHaproxy } from '../parts/haproxy.ts';
import { startProxy } from '../parts/proxy.ts';
import { startWeb, type TestWeb } from '../parts/web.ts';

const [a, b] = [
  { backend: 'web', server: 'a' },
  { backend: 'web', server: 'b' },
];
/** Requests after which round robin has certainly come to every server. */
const ROUND = 12;

let one: TestWeb;
let two: TestWeb;
let haproxy: TestHaproxy;
let balancer: LoadBalancer;

beforeAll(async () => {
  [one, two] = await Promise.all([startWeb('one'), startWeb('two')]);
  haproxy = await startHaproxy([
    `server a 127.0.0.1:${one.port} check`,
    `server b 127.0.0.1:${two.port} check`,
    'server gone 127.0.0.1:1 check disabled',
    `server unchecked 127.0.0.1:${one.port} weight 0`,
    'server follower 127.0.0.1:1 track web/gone',
  ]);
  balancer = createHaproxy({ name: 'edge', endpoint: haproxy.endpoint });
});

afterAll(() => Promise.all([haproxy.close(), one.close(), two.close()]));

beforeEach(async () => {
  one.part.send('SIGCONT');
  for (const server of [a, b]) {
    await balancer.setState(server, 'ready');
    await balancer.setWeight(server, 1);
  }
  await eventually(async () => (await serverOf('a')).health === 'up' && (await serverOf('b')).health === 'up');
});

describe('the servers of a backend', () => {
  test('are told with their state, health, weight, sessions and address', async () => {
    expect(await balancer.servers('web')).toEqual([
      { name: 'a', state: 'ready', health: 'up', weight: 1, sessions: 0, address: `127.0.0.1:${one.port}` },
      { name: 'b', state: 'ready', health: 'up', weight: 1, sessions: 0, address: `127.0.0.1:${two.port}` },
      { name: 'gone', state: 'maintenance', health: 'down', weight: 1, sessions: 0, address: '127.0.0.1:1' },
      { ...{ name: 'unchecked', state: 'ready', health: 'unchecked' }, weight: 0, sessions: 0, address: address(one) },
      { name: 'follower', state: 'maintenance', health: 'down', weight: 1, sessions: 0, address: '127.0.0.1:1' },
    ]);
  });

  test('are the same over a socket in a folder', async () => {
    const local = createHaproxy({ name: 'edge', endpoint: haproxy.socket });

    expect((await local.servers('web')).map(({ name }) => name)).toEqual(['a', 'b', 'gone', 'unchecked', 'follower']);
  });

  test('may be none', async () => {
    expect(await balancer.servers('empty')).toEqual([]);
  });

  test('are down when their check fails, and up when it succeeds again', async () => {
    one.part.send('SIGSTOP');
    await eventually(async () => (await serverOf('a')).health === 'down');

    one.part.send('SIGCONT');
    await eventually(async () => (await serverOf('a')).health === 'up');
  });
});

describe('a server that is drained', () => {
  test('finishes what it has, and takes nothing new', async () => {
    const slow = await slowRequest();
    const server = slow.version === 'one' ? a : b;

    await balancer.setState(server, 'drain');
    expect(await serverOf(server.server)).toMatchObject({ state: 'drain', health: 'up', sessions: 1 });
    const others = await versions(ROUND);

    expect(others).not.toContain(slow.version);
    expect(slow.isOver()).toBe(false);
    expect(await slow.answer).toEqual({ status: 200, version: slow.version });
    await eventually(async () => (await serverOf(server.server)).sessions === 0);
  });

  test('may be drained again, and takes requests when it is ready again', async () => {
    await balancer.setState(a, 'drain');
    await balancer.setState(a, 'drain');
    expect(await versions(ROUND)).toEqual(['two']);

    await balancer.setState(a, 'ready');

    expect(await versions(ROUND)).toEqual(['one', 'two']);
  });

  test('is still seen by its check', async () => {
    await balancer.setState(a, 'drain');
    one.part.send('SIGSTOP');
    await eventually(async () => (await serverOf('a')).health === 'down');
    one.part.send('SIGCONT');

    await eventually(async () => (await serverOf('a')).health === 'up');
    expect((await serverOf('a')).state).toBe('drain');
  });
});

describe('a server in maintenance', () => {
  test('is not even checked, and counts as up only after its next check', async () => {
    await balancer.setState(a, 'maintenance');
    expect(await serverOf('a')).toMatchObject({ state: 'maintenance', health: 'down' });
    expect(await versions(ROUND)).toEqual(['two']);

    one.part.send('SIGSTOP');
    await balancer.setState(a, 'ready');
    expect(await serverOf('a')).toMatchObject({ state: 'ready', health: anyOf('starting', 'down') });
    await eventually(async () => (await serverOf('a')).health === 'down');

    one.part.send('SIGCONT');
    await eventually(async () => (await serverOf('a')).health === 'up');
  });

  test('goes from there to drain and back', async () => {
    for (const state of ['maintenance', 'drain', 'maintenance', 'ready'] as const) {
      await balancer.setState(a, state);
      expect((await serverOf('a')).state).toBe(state);
    }
  });

  test('stays there while the one that it follows does, and the refusal says so', async () => {
    await expect(balancer.setState({ backend: 'web', server: 'follower' }, 'ready')).rejects.toMatchObject({
      kind: 'refused',
      message: `load balancer edge at ${haproxy.endpoint}: server web/follower is in maintenance though ready was asked for; does it track another one?`,
    });
  });
});

describe('the weight of a server', () => {
  test('shares the requests', async () => {
    await balancer.setWeight(a, 0);

    expect(await serverOf('a')).toMatchObject({ weight: 0, state: 'ready' });
    expect(await versions(ROUND)).toEqual(['two']);
  });

  test.each([-1, 257, 1.5, Number.NaN])('is refused when it is %s', async (weight) => {
    await expect(balancer.setWeight(a, weight)).rejects.toMatchObject({ kind: 'refused' });
  });
});

describe('what fails', () => {
  test('names the balancer, its address and the backend that is not there', async () => {
    const failure = await failureOf(balancer.servers('other'));

    expect(failure.kind).toBe('notFound');
    expect(failure.message).toBe(
      `load balancer edge at ${haproxy.endpoint}: expected it to do "show servers state other", got: Can't find backend.`,
    );
  });

  test.each([
    { backend: 'other', server: 'a' },
    { backend: 'web', server: 'other' },
  ])('is a server that is not there: $backend/$server', async (server) => {
    const failures = await Promise.all(
      [balancer.setState(server, 'drain'), balancer.setWeight(server, 1)].map(failureOf),
    );

    for (const failure of failures) {
      expect(failure.kind).toBe('notFound');
      expect(failure.message).toContain(`${server.backend}/${server.server}`);
    }
  });

  test.each(['web; shutdown frontend web', 'web\nset server web/b state maint', 'web/b', '', 'web b'])(
    'is a name that would be another command: %j',
    async (name) => {
      const tries = [
        balancer.servers(name),
        balancer.setState({ backend: name, server: 'a' }, 'maintenance'),
        balancer.setState({ backend: 'web', server: name }, 'maintenance'),
        balancer.setWeight({ backend: 'web', server: name }, 0),
      ];

      for (const failure of await Promise.all(tries.map(failureOf))) {
        expect(failure.kind).toBe('refused');
        expect(failure.message).toContain(JSON.stringify(name));
      }
      expect(await versions(ROUND)).toEqual(['one', 'two']);
    },
  );

  test('is a socket that may not change anything, and it says what to do', async () => {
    const readOnly = createHaproxy({ name: 'edge', endpoint: haproxy.readOnly });

    const failure = await failureOf(readOnly.setState(a, 'drain'));

    expect(failure.kind).toBe('refused');
    expect(failure.message).toContain('level admin');
    expect((await serverOf('a')).state).toBe('ready');
  });

  test.each(['unix:///nowhere/haproxy.sock', 'tcp://127.0.0.1:1'])(
    'is an address where nobody is: %s',
    async (endpoint) => {
      const failure = await failureOf(createHaproxy({ name: 'edge', endpoint }).servers('web'));

      expect(failure.kind).toBe('unreachable');
      expect(failure.message).toContain(`load balancer edge at ${endpoint} gave no answer`);
    },
  );

  test('is an answer that was cut, however much of it came', async () => {
    const whole = (await rawAnswer('show servers state web')).length;
    for (const bytes of [0, 1, 2, 50, whole - 2, whole - 1]) {
      await using cutting = await cutAfter(bytes);

      const failure = await failureOf(createHaproxy({ name: 'edge', endpoint: cutting.endpoint }).servers('web'));

      expect(failure.kind).toBe('unreachable');
      expect(failure.message).toContain('broke off its answer to: show servers state web');
    }
  });

  test('is a connection that breaks after the command was taken, which may be given again', async () => {
    await using proxy = await startProxy(haproxy.endpoint.replace('tcp:', 'http:'));
    const far = createHaproxy({ name: 'edge', endpoint: proxy.url.replace('http:', 'tcp:') });

    proxy.cutNext('afterRequest');
    expect((await failureOf(far.setState(a, 'drain'))).kind).toBe('unreachable');
    await far.setState(a, 'drain');

    expect((await serverOf('a')).state).toBe('drain');
  });

  test('is a balancer that stands still, after a deadline', async () => {
    haproxy.part.send('SIGSTOP');
    const failure = await failureOf(balancer.servers('web')).finally(() => haproxy.part.send('SIGCONT'));

    expect(failure.kind).toBe('deadline');
    expect(failure.message).toContain(`load balancer edge at ${haproxy.endpoint} gave no answer within 5000 ms`);
  });

  test('is not what the caller ended himself', async () => {
    const aborted = new AbortController();
    aborted.abort(new Error('no longer wanted'));

    await expect(balancer.servers('web', aborted.signal)).rejects.toThrow('no longer wanted');
    haproxy.part.send('SIGSTOP');
    const later = new AbortController();
    const waiting = balancer.servers('web', later.signal).finally(() => haproxy.part.send('SIGCONT'));
    later.abort(new Error('ended meanwhile'));
    await expect(waiting).rejects.toThrow('ended meanwhile');
  });
});

const anyOf = (...values: readonly string[]): unknown => expect.stringMatching(new RegExp(`^(${values.join('|')})$`));

const address = ({ port }: TestWeb): string => `127.0.0.1:${port}`;

async function serverOf(name: string): Promise<BalancedServer> {
  const found = (await balancer.servers('web')).find((server) => server.name === name);
  if (found === undefined) throw new Error(`no server ${name}`);
  return found;
}

async function ask(path: string): Promise<{ readonly status: number; readonly version: string }> {
  const answer = await fetch(`${haproxy.url}${path}`);
  const { version } = (await answer.json()) as { version: string };
  return { status: answer.status, version };
}

/** The versions that answered, each once. */
async function versions(requests: number): Promise<readonly string[]> {
  const answers = await Promise.all(Array.from({ length: requests }, () => ask('/')));
  return [...new Set(answers.map(({ version }) => version))].sort();
}

/** A request that is at work on one of the servers when this returns. */
async function slowRequest(): Promise<{
  readonly version: string;
  readonly answer: ReturnType<typeof ask>;
  readonly isOver: () => boolean;
}> {
  let isOver = false;
  const answer = ask('/slow?ms=2000').finally(() => (isOver = true));
  const busy = await eventually(
    async () => (await balancer.servers('web')).find(({ sessions }) => sessions === 1) ?? null,
  );
  return { version: busy.name === 'a' ? 'one' : 'two', answer, isOver: () => isOver };
}

async function failureOf(work: Promise<unknown>): Promise<LoadBalancerError> {
  const failure: unknown = await work.then(
    () => new Error('it did not fail'),
    (error: unknown) => error,
  );
  if (failure instanceof LoadBalancerError) return failure;
  throw failure;
}

function rawAnswer(command: string): Promise<string> {
  const port = Number(new URL(haproxy.endpoint).port);
  return new Promise((resolve, reject) => {
    let text = '';
    const socket = connect(port, '127.0.0.1', () => socket.write(`${command}\n`));
    socket.on('data', (bytes) => (text += bytes.toString())).on('error', reject);
    socket.on('end', () => resolve(text));
  });
}

/** What HAProxy answers, ended after so many bytes as if that were all: a process that is killed in the middle does this. */
async function cutAfter(bytes: number): Promise<AsyncDisposable & { readonly endpoint: string }> {
  const server = createServer((client) => {
    client.on('error', () => client.destroy());
    client.once('data', (command) => {
      void rawAnswer(command.toString().trim()).then((answer) => client.end(answer.slice(0, bytes)));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    endpoint: `tcp://127.0.0.1:${portOf(server)}`,
    [Symbol.asyncDispose]: () => new Promise((resolve) => server.close(() => resolve())),
  };
}
