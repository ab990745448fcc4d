import { describe, expect, it } from 'vitest';
import { EngineError } from '../../model/engine.ts';
import { parseServiceId, parseUnitId } from '../../model/ids.ts';
import { imageReference } from '../../model/release.ts';
import { defaultUnitPolicy } from '../../model/unit.ts';
import { imageOf, shop, unitRelease, unitService } from '../model/units.ts';
import { perform } from './harness.ts';
import { UnitHarness } from './unit-harness.ts';

const containers = ({ units }: UnitHarness): number =>
  [...units.engines.values()].reduce((sum, engine) => sum + engine.containers.all().length, 0);

type Case = { readonly title: string; readonly spoil: (harness: UnitHarness) => void; readonly what: RegExp };
const web = unitService('web', { members: 2, port: { inside: 8080, blue: 20_200, green: 20_300 } });
const withWeb = (changes: Parameters<typeof unitService>[1]) => unitRelease({ services: [{ ...web, ...changes }] });

const cases: readonly Case[] = [
  {
    title: 'hosts that are too few',
    spoil: ({ units }) => units.publish('1.0.0', withWeb({ members: 3 })),
    what: /service web wants 3 members/,
  },
  {
    title: 'more containers than a unit may have',
    spoil: ({ units }) => units.publish('1.0.0', withWeb({ members: 41, placement: { labels: {}, perHost: 21 } })),
    what: /41 containers.*at most 40/,
  },
  {
    title: 'an image that its registry does not have',
    spoil: ({ units }) => units.missingImages.add(imageOf('api')),
    what: /image .*api@.*its registry does not have it/,
  },
  {
    title: 'a file that the fleet file does not name',
    spoil: ({ units }) =>
      units.publish('1.0.0', withWeb({ files: [{ file: 'ca', to: '/ca', mode: '0400', uid: 0, gid: 0 }] })),
    what: /file ca: the fleet file does not say where it is/,
  },
  {
    title: 'a file that can not be read',
    spoil: ({ units }) => {
      units.publish('1.0.0', withWeb({ files: [{ file: 'key', to: '/key', mode: '0400', uid: 0, gid: 0 }] }));
      units.files.delete('/secrets/key.pem');
    },
    what: /file key: \/secrets\/key\.pem: expected a file that can be read/,
  },
  {
    title: 'a load balancer that could not switch',
    spoil: ({ units }) => units.balancer.setProblems(shop, ['it knows no map']),
    what: /^it knows no map$/,
  },
  {
    title: 'no load balancer',
    spoil: ({ units }) => (units.fleetUnit = { ...units.fleetUnit, balancer: null }),
    what: /unit shop has no balancer in the fleet file/,
  },
  {
    title: 'a frontend for a service that the unit does not have',
    spoil: ({ units }) => frontend(units, 'shop-front'),
    what: /a frontend is for service shop-front, unit shop has: db, api, web/,
  },
  {
    title: 'a frontend for a service that both slots share',
    spoil: ({ units }) => frontend(units, 'db'),
    what: /a frontend is for service db, which both slots share/,
  },
  {
    title: 'a member that no server stands for',
    spoil: ({ units }) => {
      const services = [unitService('extra', { port: { inside: 1, blue: 20_600, green: 20_700 } })];
      units.publish('1.0.0', unitRelease({ services: [...unitRelease().services, ...services] }));
      frontend(units, 'extra');
    },
    what: /edge has no server for shop-blue-extra-1 on host-1 \(it has none\); add one at host-1\.lab:20600/,
  },
  {
    title: 'a server at another port',
    spoil: ({ units }) =>
      units.balancer.add(
        { unit: shop, slot: 'blue' },
        { service: web.name, name: 'host-1-shop-blue-web-1', address: '10.0.0.1:9' },
      ),
    what: /server host-1-shop-blue-web-1 of edge is at 10\.0\.0\.1:9, .* will be at host-1\.lab:20200/,
  },
  {
    title: 'a share of errors that nobody counts',
    spoil: ({ units }) => (units.balancer.traffic = async () => Promise.resolve(null)),
    what: /counts no requests/,
  },
  {
    title: 'a host that nobody else reaches',
    spoil: ({ units }) => {
      const hosts = units.fleet.hosts.map((host) => (host.name === 'host-2' ? { ...host, address: null } : host));
      units.fleet = { ...units.fleet, hosts };
    },
    what: /it has no address/,
  },
  {
    title: 'a name that is somebody else’s',
    spoil: ({ units }) => void units.engine('host-1').run('shop-blue-api-1', 'other:1'),
    what: /a container shop-blue-api-1 is there, and is not of this unit/,
  },
  {
    title: 'an engine that can not have the release',
    spoil: ({ units }) => units.engine('host-2').failNextPull('noSpace'),
    what: /noSpace/,
  },
  {
    title: 'a host that can not try its ports',
    spoil: ({ units }) => units.engine('host-2').failNext('runJob', 'unreachable'),
    what: /host-2: runJob: failed as told/,
  },
];

function frontend(units: UnitHarness['units'], service: string): void {
  const { balancer } = units.fleetUnit;
  if (balancer?.type !== 'haproxy') throw new Error('the unit has no balancer');
  const more = { service: parseServiceId(service), backend: `${service}-{slot}`, server: '{host}-{container}' };
  units.fleetUnit = { ...units.fleetUnit, balancer: { ...balancer, frontends: [...balancer.frontends, more] } };
}

describe('preflight', () => {
  it.each(cases)('finds $title, and nothing else', async ({ spoil, what }) => {
    const harness = new UnitHarness();
    spoil(harness);
    const before = containers(harness);

    const { plan, findings } = await harness.preflight();

    expect(plan).toBeNull();
    expect(findings.map((finding) => finding.what)).toEqual([expect.stringMatching(what)]);
    expect(containers(harness)).toBe(before);
  });

  it('finds a port in use on each host that would publish it', async () => {
    const harness = new UnitHarness();
    harness.units.portsInUse.add(20_200);

    const { findings } = await harness.preflight();

    expect(findings.map(({ host, what }) => `${host ?? ''} ${what}`)).toEqual(
      ['host-1', 'host-2'].map((host) => `${host} port 20200 is in use`),
    );
  });

  it('finds what an earlier upgrade left in the slot, and a shared service at another image', async () => {
    const harness = new UnitHarness();
    await harness.install();
    harness.units.publish('2.0.0', unitRelease());
    await harness.make(await harness.plan());
    const services = unitRelease().services.map((one) => (one.shared ? { ...one, image: imageOf('db', 'e') } : one));
    harness.units.publish('3.0.0', unitRelease({ services }));

    const { findings } = await harness.preflight();

    expect(findings.map(({ what, remedy }) => `${what}; ${remedy}`)).toEqual([
      expect.stringMatching(/shop-shared-db-1 runs .*; .*refit container upgrade host-1 shop-shared-db-1 /),
      'the standby slot still has containers: shop-green-api-1 on host-1 and 2 more; remove them with: refit unit delete-standby shop',
    ]);
  });

  it('leaves no image behind that it pulled to look, but one that was there', async () => {
    const harness = new UnitHarness();
    harness.units.portsInUse.add(20_200);
    const image = imageReference(harness.units.read().ref);
    harness.units.engine('host-2').images.add(image);

    await harness.preflight();

    expect([...harness.units.engines.values()].map(({ images }) => images.has(image))).toEqual([false, true]);
  });

  it('says the same when it is done again', async () => {
    const harness = new UnitHarness();

    expect(await harness.preflight()).toEqual(await harness.preflight());
  });

  it.each(['host-1', 'host-2'])(
    'waits for an engine of %s that is away: what the unit has there is not known',
    async (host) => {
      const harness = new UnitHarness();
      harness.units.engine(host).down();

      await expect(harness.preflight()).rejects.toThrow(EngineError);
    },
  );

  it('refuses a unit that the release, or the fleet file, does not have', async () => {
    const harness = new UnitHarness();
    const unit = parseUnitId('bank');
    const { place, activities, units } = harness;
    const input = { ...place, release: units.read().ref, policy: defaultUnitPolicy };

    await expect(perform(activities.planUnit, { ...input, unit })).rejects.toThrow('sample 1.0.0 has no unit bank');
    units.fleetUnit = { ...units.fleetUnit, name: unit };
    await expect(perform(activities.planUnit, input)).rejects.toThrow(
      'the fleet file has no unit shop (it has bank); name it under units, with its load balancer',
    );
  });
});
