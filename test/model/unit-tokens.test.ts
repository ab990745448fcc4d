import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fillSlot, fillTokens, tokenValues, unknownTokens } from '../../model/unit-tokens.ts';
import { RUNS } from './runs.ts';

const plain = { unit: 'shop', slot: 'green', version: '2.0.0', host: 'host-1' };
const values = tokenValues(plain, [
  { service: 'web', host: '10.0.0.1', port: 20180 },
  { service: 'db', host: '10.0.0.3', port: 25432 },
  { service: 'web', host: '10.0.0.2', port: 20181 },
]);

describe('tokens of a unit’s texts', () => {
  test.each([
    ['{unit}-{slot} {version} on {host}', 'shop-green 2.0.0 on host-1'],
    ['postgres://{db.address}/shop', 'postgres://10.0.0.3:25432/shop'],
    ['{web.host} {web.port}', '10.0.0.1 20180'],
    ['{web.addresses}', '10.0.0.1:20180,10.0.0.2:20181'],
    ['{web.address}', '10.0.0.1:20180'],
    ['{"slot":"{slot}"} ${HOME} {} {Slot}', '{"slot":"green"} ${HOME} {} {Slot}'],
    ['{api.address} {later}', '{api.address} {later}'],
  ])('%s becomes %s', (text, filled) => {
    expect(fillTokens(text, values)).toBe(filled);
  });

  test('are not looked for in what was put in for them', () => {
    expect(fillTokens('{unit}', { ...values, unit: '{slot}' })).toBe('{slot}');
  });

  test('of a service never take the place of the unit’s own', () => {
    const { host } = tokenValues(plain, [{ service: 'host', host: '10.0.0.9', port: 1 }]);

    expect(host).toBe('host-1');
  });

  test('with the slot alone name a backend', () => {
    expect(fillSlot('shop-web-{slot}/{slot}-{unit}', 'blue')).toBe('shop-web-blue/blue-{unit}');
  });
});

describe('an unknown token', () => {
  test('is one of a service that has no port, of nothing that a service has, or of nothing at all', () => {
    const text = '{web.address} {worker.address} {web.adress} {slots} {slot} {"a":1} {web.addresses}';

    expect(unknownTokens(text, ['web'])).toEqual(['worker.address', 'web.adress', 'slots']);
  });

  test('is exactly what filling leaves in place', () => {
    const word = fc.constantFrom(
      '{unit}',
      '{slot}',
      '{web.address}',
      '{db.port}',
      '{db.hosts}',
      '{api.host}',
      'a',
      '{',
      '}',
    );

    fc.assert(
      fc.property(fc.array(word), (words) => {
        const text = words.join(' ');
        const left = unknownTokens(text, ['web', 'db']).map((name) => `{${name}}`);

        expect(fillTokens(text, values).match(/\{[a-z.]+\}/g) ?? []).toEqual(left);
      }),
      RUNS,
    );
  });
});
