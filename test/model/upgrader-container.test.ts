import { expect, test } from 'vitest';
import { parseFleetId, parseHostId } from '../../model/ids.ts';
import { upgraderSpec, workerIdentity } from '../../model/upgrader-container.ts';

const site = {
  fleet: parseFleetId('site-a'),
  host: parseHostId('host-2'),
  image: `registry.lab:5000/refit/upgrader@sha256:0123456789ab${'c'.repeat(52)}`,
};

test('a worker’s container reads the host’s folder, shares its network, and is found by what it is labelled with', () => {
  expect(upgraderSpec('worker', site)).toMatchObject({
    name: 'refit-worker-0123456789ab',
    command: ['worker'],
    volumes: ['/etc/refit:/etc/refit:ro'],
    network: 'host',
    restart: 'unless-stopped',
    labels: { 'dev.refit.upgrader': 'worker', 'dev.refit.build': '0123456789ab', 'dev.refit.fleet': 'site-a' },
  });
});

test('workers of one build on two hosts are told apart by Temporal', () => {
  const { env } = upgraderSpec('worker', site);

  expect(env['REFIT_WORKER_IDENTITY']).toBe(workerIdentity(site.host, '0123456789ab'));
  expect(workerIdentity(parseHostId('host-3'), '0123456789ab')).not.toBe(workerIdentity(site.host, '0123456789ab'));
});

test('the API’s audit log is kept on the host, where the next build’s goes on with it', () => {
  const { volumes, env } = upgraderSpec('api', site);

  expect(volumes).toContain('/var/log/refit:/var/log/refit');
  expect(env['REFIT_API_AUDIT_FILE']).toBe('/var/log/refit/audit.jsonl');
});

test('an image by its tag is refused: a build is named by its digest', () => {
  expect(() => upgraderSpec('worker', { ...site, image: 'registry.lab:5000/refit/upgrader:1' })).toThrow(RangeError);
});
