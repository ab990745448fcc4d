import { describe, expect, it } from 'vitest';
import { containerOf, filesOf, imagesOn, memberSpec } from '../../activities/unit-containers.ts';
import { parseHostId, parseServiceId, parseUpgradeId } from '../../model/ids.ts';
import { unitLabels, type UnitRelease } from '../../model/unit.ts';
import type { UnitSite } from '../../model/unit-site.ts';
import { placeUnit } from '../../model/unit-placement.ts';
import type { PlannedMember } from '../../model/unit-upgrade.ts';
import { digestOf, releaseRef } from '../fakes/release.ts';
import { imageOf, placeable, unitRelease, unitService } from '../model/units.ts';

const KEY = { file: 'key', to: '/key', mode: '0400', uid: 0, gid: 0 };
const origin = { upgrade: parseUpgradeId('lab-1'), release: releaseRef() };
const shipper = {
  ...{ ...unitService('shipper'), volumes: ['/var/log/{unit}:/logs:ro'] },
  ...{ env: { TO: '{web.addresses}' }, files: [KEY] },
};
const whole = unitRelease({ addOns: [shipper] });

function siteOf(unit: UnitRelease = whole): UnitSite {
  const { members } = placeUnit(unit, 'green', placeable({}, {}));
  const addresses = new Map([
    [parseHostId('host-1'), '10.0.0.1'],
    [parseHostId('host-2'), '10.0.0.2'],
  ]);
  return { unit, version: '2.0.0', plan: { to: 'green', members, present: [] }, addresses };
}

function member(site: UnitSite, container: string): PlannedMember {
  const found = site.plan.members.find((one) => one.container === container);
  if (found === undefined) throw new Error(`${container} is not planned`);
  return found;
}
const specOf = (container: string, unit: UnitRelease = whole) => {
  const site = siteOf(unit);
  return memberSpec(site, member(site, container), origin);
};
const configOf = (unit: UnitRelease): string | undefined => specOf('shop-green-web-1', unit).labels[unitLabels.config];
const withWeb = (changes: Parameters<typeof unitService>[1]): UnitRelease => ({
  ...whole,
  services: whole.services.map((one) => (one.name === 'web' ? { ...one, ...changes } : one)),
});

describe('a member’s container', () => {
  it('of a slot is published at the slot’s own port, one further for each member', () => {
    expect(specOf('shop-green-web-2')).toMatchObject({ image: imageOf('web'), ports: ['20301:8080/tcp'] });
    expect(specOf('shop-green-web-2').labels[unitLabels.address]).toBe('10.0.0.2:20301');
  });

  it('that both slots share says so, and is published at their one port', () => {
    const { ports, labels } = specOf('shop-shared-db-1');

    expect(ports).toEqual(['25432:5432/tcp']);
    expect(labels[unitLabels.slot]).toBe('shared');
  });

  it('of an add-on has no port and no address, and its texts filled', () => {
    const { ports, labels, env, volumes } = specOf('shop-green-shipper-1');

    expect(ports).toEqual([]);
    expect(labels).not.toHaveProperty(unitLabels.address);
    expect(env).toEqual({ TO: '10.0.0.1:20300,10.0.0.2:20301' });
    expect(volumes).toEqual(['/var/log/shop:/logs:ro']);
  });

  it('names its entrypoint and its memory only if the release does', () => {
    expect(Object.keys(specOf('shop-green-web-1'))).not.toEqual(expect.arrayContaining(['entrypoint']));
    expect(Object.keys(specOf('shop-green-web-1'))).not.toEqual(expect.arrayContaining(['memoryBytes']));

    const spec = specOf('shop-green-web-1', withWeb({ entrypoint: ['/bin/{slot}'], memoryBytes: 1024 }));

    expect(spec).toMatchObject({ entrypoint: ['/bin/green'], memoryBytes: 1024 });
  });
});

describe('the digest of what makes a container', () => {
  it('is the same for the same', () => {
    expect(configOf(whole)).toBe(configOf(unitRelease({ addOns: [shipper] })));
  });

  it.each([
    ['its image', withWeb({ image: imageOf('web', 'b') })],
    ['its variables', withWeb({ env: { A: '1' } })],
    ['its volumes', withWeb({ volumes: ['data:/data'] })],
    ['its files', withWeb({ files: [KEY] })],
  ])('is another one with another of %s', (_, unit) => {
    expect(configOf(unit)).not.toBe(configOf(whole));
  });

  it('is another one with other rights of a file', () => {
    expect(configOf(withWeb({ files: [KEY] }))).not.toBe(configOf(withWeb({ files: [{ ...KEY, mode: '0440' }] })));
  });

  it('does not change with the upgrade that makes it', () => {
    const site = siteOf();
    const web = member(site, 'shop-green-web-1');
    const other = { upgrade: parseUpgradeId('lab-2'), release: { ...releaseRef(), digest: digestOf('d') } };

    const specs = [memberSpec(site, web, origin), memberSpec(site, web, other)];

    expect(new Set(specs.map(({ labels }) => labels[unitLabels.config])).size).toBe(1);
  });
});

it('images on a host are those of its members, each once', () => {
  expect(imagesOn(siteOf(), parseHostId('host-2'))).toEqual([imageOf('web'), imageOf('shipper')]);
});

it('files are those of the member’s own service or add-on', () => {
  const site = siteOf();

  expect(filesOf(site, member(site, 'shop-green-shipper-1'))).toEqual([KEY]);
  expect(filesOf(site, member(site, 'shop-green-web-1'))).toEqual([]);
});

it('a member of a service that the release does not have is wrong input', () => {
  const site = siteOf();
  const stranger = { ...member(site, 'shop-green-web-1'), service: parseServiceId('bank') };

  expect(() => containerOf(site, stranger)).toThrow('unit shop of 2.0.0 has no service bank');
});
