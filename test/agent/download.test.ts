import { existsSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { download, downloadAgent } from '../../agent/download/download.ts';
import { readJobOrder } from '../../agent/download/environment.ts';
import { hostClock } from '../../agent/host-clock.ts';
import { placesUnder, type Places } from '../../agent/places.ts';
import { digestHex } from '../../model/ids.ts';
import { FakeServices } from './fake-services.ts';
import { fastClock } from './fast-clock.ts';
import { makeReleaseImage, type ImageFolders } from './release-image.ts';
import { countingStep, filesStep, TestHost, write } from './test-host.ts';

/** Bounds of seconds pass in tenths. */
const FASTER = 10;

let folder: string;
let places: Places;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'refit-download-'));
  places = placesUnder(join(folder, 'host'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const makeImage = (name: string, files: Readonly<Record<string, string>> = { 'files/a': 'aaa' }): ImageFolders => {
  const health = { probes: [], minHealthyTimeMs: 0, deadlineMs: 1_000 };
  const steps = [filesStep('f', { 'files/a': '/etc/a' })];
  return makeReleaseImage(folder, files, { name, host: { deadlineMs: 1_000, diskFreeBytes: 0, steps, health } });
};

async function run(
  image: ImageFolders,
  services: FakeServices,
  more: { version?: string; floor?: number; config?: string; job?: typeof download } = {},
): Promise<Readonly<Record<string, unknown>>[]> {
  const said: Readonly<Record<string, unknown>>[] = [];
  const order = readJobOrder({
    REFIT_RELEASE_DIGEST: image.digest,
    REFIT_CONTENTS_DIGEST: image.contents,
    REFIT_DISK_FLOOR_BYTES: String(more.floor ?? 0),
    REFIT_AGENT_CONFIG:
      more.config ?? '{"fleet":"lab","host":"host-1","etcd":{"endpoints":["http://e:2379"],"tls":null}}',
  });
  await (more.job ?? download)({
    image,
    places,
    order,
    version: more.version ?? '1.0.0+one',
    services: () => Promise.resolve(services),
    provenBy: 'bus',
    clock: hostClock,
    say: (line) => said.push(line),
  });
  return said;
}

test('release, agent, configuration and unit are put on a bare host, and the agent is started', async () => {
  const image = makeImage('first');
  const services = new FakeServices(places);

  const said = await run(image, services);

  expect(said.at(-1)).toMatchObject({ event: 'done', agent: '1.0.0+one', outcome: 'started' });
  expect(readFileSync(join(places.release(image.digest), 'files/a'), 'utf8')).toBe('aaa');
  expect(readFileSync(join(places.agents, 'current/agent/agent.cjs'), 'utf8')).toBe('agent of first');
  expect(JSON.parse(readFileSync(places.config, 'utf8'))).toMatchObject({ host: 'host-1' });
  expect(readFileSync(join(places.units, 'refit-agent.service'), 'utf8')).toContain('Restart=always');
  expect(services.calls).toEqual([
    'reload',
    'enable refit-agent.service',
    'restart refit-agent.service as 1.0.0+one',
    'close',
  ]);
});

test('a second download copies nothing and leaves the agent alone', async () => {
  const image = makeImage('first');
  const services = new FakeServices(places);
  await run(image, services);
  services.calls.length = 0;

  const said = await run(image, services);

  expect(said).toEqual([{ event: 'done', agent: '1.0.0+one', outcome: 'running', copiedBytes: 0 }]);
  expect(services.calls).toEqual(['close']);
});

test('a damaged release on the host is copied again', async () => {
  const image = makeImage('first');
  const services = new FakeServices(places);
  await run(image, services);
  write(join(places.release(image.digest), 'files/a'), 'rot');

  const said = await run(image, services);

  expect(said.at(-1)).toMatchObject({ event: 'done', outcome: 'running' });
  expect(readFileSync(join(places.release(image.digest), 'files/a'), 'utf8')).toBe('aaa');
});

test('a file in the image that is not what was ordered gets no name on the host', async () => {
  const image = makeImage('first');
  write(join(image.release, 'files/a'), 'forged');

  await expect(run(image, new FakeServices(places))).rejects.toThrow(
    /files\/a in the release image has sha256 .*, expected/,
  );

  expect(existsSync(places.release(image.digest))).toBe(false);
});

test('a release.json that is not what was ordered is refused first', async () => {
  const image = makeImage('first');
  write(join(image.release, 'release.json'), '{}');

  await expect(run(image, new FakeServices(places))).rejects.toThrow(
    /release.json in the release image is sha256:.*, expected sha256:/,
  );

  expect(readdirSync(places.releases)).toEqual([]);
});

test('a disk without room is refused before the first byte', async () => {
  const image = makeImage('first');

  await expect(run(image, new FakeServices(places), { floor: 2 ** 60 })).rejects.toThrow(
    /bytes free, \d+ needed .* make room/,
  );

  expect(readdirSync(places.releases)).toEqual([]);
});

test('what a killed attempt left is thrown away', async () => {
  const image = makeImage('first');
  write(join(`${places.release(image.digest)}.partial`, 'files/junk'), 'half');

  await run(image, new FakeServices(places));

  expect(readdirSync(places.releases)).toEqual([digestHex(image.digest)]);
  expect(existsSync(join(places.release(image.digest), 'files/junk'))).toBe(false);
});

test('a new agent takes over, and one that does not come up gives way to the old one', async () => {
  const services = new FakeServices(places, { clock: fastClock(FASTER) });
  await run(makeImage('first'), services);
  const said = await run(makeImage('second'), services, { version: '2.0.0+two' });
  services.broken = '3.0.0+three';

  await expect(run(makeImage('third'), services, { version: '3.0.0+three' })).rejects.toThrow(
    /agent 3.0.0\+three did not come up within 15 s.*agent 2.0.0\+two runs again/,
  );

  expect(said.at(-1)).toMatchObject({ agent: '2.0.0+two', outcome: 'replaced' });
  expect(readlinkSync(join(places.agents, 'current'))).toBe('2.0.0+two');
  expect(services.running).toBe('2.0.0+two');
});

test('an agent alone is put on trial, and no release comes with it', async () => {
  const services = new FakeServices(places, { clock: fastClock(FASTER) });
  const image = makeImage('first');
  await run(image, services);
  rmSync(places.releases, { recursive: true });

  const said = await run(image, services, { version: '2.0.0+two', job: downloadAgent });

  expect(said.at(-1)).toMatchObject({ event: 'done', agent: '2.0.0+two', outcome: 'replaced' });
  expect(readdirSync(places.releases)).toEqual([]);
});

test('an agent with another configuration is started anew', async () => {
  const services = new FakeServices(places);
  const image = makeImage('first');
  await run(image, services);

  const config = '{"fleet":"lab","host":"host-1","etcd":{"endpoints":["http://other:2379"]}}';
  const said = await run(image, services, { config });

  expect(said.at(-1)).toMatchObject({ outcome: 'replaced' });
  expect(statSync(places.config).mode & 0o777).toBe(0o600);
});

test('an agent that is at work is not disturbed by a new one', async () => {
  const host = new TestHost();
  places = host.places;
  const services = new FakeServices(places);
  await run(makeImage('first'), services);
  const slow = countingStep('slow', '/nowhere/x', { command: ['sleep', '30'] });
  const agent = host.start();
  await host.reported(
    await host.order(host.stage({ version: '9.0.0', steps: [slow] })),
    ({ step }) => step?.id === 'slow',
  );

  const said = await run(makeImage('second'), services, { version: '2.0.0+two' });

  expect(said.at(-1)).toMatchObject({ agent: '1.0.0+one', outcome: 'kept' });
  expect(readlinkSync(join(places.agents, 'current'))).toBe('1.0.0+one');
  agent.stop();
  host.close();
});

test('a job without its environment says what is missing', () => {
  expect(() => readJobOrder({})).toThrow(/environment: REFIT_RELEASE_DIGEST/);
});
