import { describe, expect, test } from 'vitest';
import { WrongInput } from '../../client/fleet-client.ts';
import { openFleetRegistry } from '../../client/fleet-registry.ts';
import { makeFleet } from './bus-values.ts';

const fleet = {
  ...makeFleet('host-1'),
  registries: { 'registry.lab:5000': { endpoint: 'http://127.0.0.1:1', credentialsFile: null } },
};
const named = openFleetRegistry(fleet, 'named');

describe('registries of a fleet, where only those that its file names may be asked', () => {
  test.each([
    'evil.example/sample:1',
    'EVIL.example/Sample',
    'localhost/sample',
    '10.0.0.1:5000/sample',
    '[::1]:80/sample',
  ])('%s is refused, and its field named', async (image) => {
    expect(() => named.assertAllowed(image, 'image')).toThrow(WrongInput);
    await expect(named.resolve(image, 'image')).rejects.toMatchObject({ field: 'image' });
    await expect(named.readRelease(image, 'reference')).rejects.toThrow(/names no registry/);
  });

  test.each(['registry.lab:5000/sample:1', 'db:2', 'library/db', `sha256:${'a'.repeat(64)}`])('%s is not', (image) => {
    expect(() => named.assertAllowed(image, 'image')).not.toThrow();
  });

  test('any registry may be asked by whoever needs no API', () => {
    expect(() => openFleetRegistry(fleet, 'any').assertAllowed('evil.example/sample:1', 'image')).not.toThrow();
  });
});
