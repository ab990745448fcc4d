import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { unitFleetLines } from '../../client/unit-fleet-lines.ts';
import { addUnitOptions, unitPolicyFrom, type UnitOptions } from '../../client/cli/unit-options.ts';
import { refuseUnknownUnit } from '../../client/open-unit.ts';
import { loadFleet } from '../../drivers/fleet-file.ts';
import { defaultUnitPolicy, type UnitJob, type UnitPolicy } from '../../model/unit.ts';
import { parseServiceId } from '../../model/ids.ts';
import { fleet } from '../fakes/fleet.ts';
import { makeUnitRelease, makeUnitService, shop } from './units.ts';

const release = makeUnitRelease({
  policy: { ...defaultUnitPolicy, approval: true, keepMs: 1_000, drainMs: 2_000, confirmMs: 3_000 },
});

/** What `refit unit upgrade …` would ask for. */
function policy(...argv: readonly string[]): UnitPolicy {
  const command = addUnitOptions(new Command('upgrade'));
  command
    .exitOverride()
    .configureOutput({ writeErr: () => undefined })
    .parse([...argv], { from: 'user' });
  return unitPolicyFrom(release.policy, command.opts<UnitOptions>());
}

describe('the options of a unit’s upgrade', () => {
  it('leave everything as the release says where they are not given', () => {
    expect(policy()).toEqual({ ...release.policy, onFailure: 'rollback' });
  });

  it('are laid over what the release says', () => {
    const argv = ['--soak', '10m', '--max-error-rate', '2%', '--keep', '24h', '--drain', '30s', '--confirm', '1m'];

    expect(policy('--approval', ...argv, '--on-failure', 'keep')).toEqual({
      ...{ approval: true, keepMs: 86_400_000, drainMs: 30_000, confirmMs: 60_000, onFailure: 'keep' },
      soak: { ...release.policy.soak, durationMs: 600_000, maxErrorRate: 0.02 },
    });
  });

  it.each([
    ['none', null],
    ['0%', 0],
    ['0.5%', 0.005],
    ['100%', 1],
  ])('can have an error rate of %s', (text, rate) => {
    expect(policy('--max-error-rate', text).soak.maxErrorRate).toBe(rate);
  });

  it.each([
    [['--max-error-rate', '2'], 'such as 2% or 0.5%, or none'],
    [['--max-error-rate', '101%'], 'such as 2% or 0.5%, or none'],
    [['--soak', '10'], 'Expected a time'],
    [['--on-failure', 'skip'], 'Allowed choices are rollback, keep, pause'],
  ])('are refused when they make no sense: %j', (argv, message) => {
    expect(() => policy(...argv)).toThrow(message);
  });
});

describe('what a fleet file lacks of a unit', () => {
  const file = (name: string) => ({ file: name, to: `/run/${name}`, mode: '0400', uid: 0, gid: 0 });
  const test: UnitJob = {
    ...{ name: 'smoke', image: 'tests', command: [], entrypoint: null, env: {}, files: [file('account')] },
    ...{ beside: parseServiceId('web'), timeoutMs: 1_000 },
  };
  const unit = makeUnitRelease({
    services: [
      makeUnitService('web', { files: [file('tls-key')] }),
      makeUnitService('worker', { port: null, files: [file('account')] }),
      makeUnitService('db', { shared: true }),
    ],
    tests: [test],
  });

  it('is said with the services that take requests, and the files that the release asks for', () => {
    const loadBalancers = [{ name: 'front', type: 'haproxy', endpoint: 'unix:///run/haproxy.sock' }] as const;

    expect(unitFleetLines(unit, { loadBalancers })).toEqual([
      'units:',
      '  - name: shop',
      '    balancer:',
      '      loadBalancer: front',
      '      map: /etc/haproxy/maps/shop.map',
      '      mapFile: /etc/haproxy/maps/shop.map',
      '      frontends:',
      '        - { service: web, backend: "shop-web-{slot}", server: "{host}-{container}" }',
      '    files:',
      '      tls-key: /etc/refit/shop/tls-key',
      '      account: /etc/refit/shop/account',
    ]);
  });

  it('makes the fleet file one that has the unit', () => {
    const file = join(mkdtempSync(join(tmpdir(), 'refit-unit-')), 'fleet.yaml');
    const others = [
      ...['fleet: lab', 'hosts: [{ name: host-1, engine: { endpoint: "tcp://10.0.0.1:2375" } }]'],
      'etcd: { endpoints: ["http://10.0.0.1:2379"] }',
    ];
    writeFileSync(file, [...others, ...unitFleetLines(unit, { loadBalancers: [] })].join('\n'));

    expect(() => refuseUnknownUnit(loadFleet(file), unit)).not.toThrow();
    expect(loadFleet(file).units[0]).toMatchObject({
      balancer: { loadBalancer: 'edge', frontends: [{ service: 'web', backend: 'shop-web-{slot}' }] },
      files: { account: '/etc/refit/shop/account' },
    });
  });

  it('is said in the words of the load balancer that the fleet has', () => {
    const loadBalancers = [{ name: 'aws', type: 'elbv2', region: 'eu-west-1', endpoint: null }] as const;

    expect(unitFleetLines(makeUnitRelease(), { loadBalancers })).toEqual([
      'units:',
      '  - name: shop',
      '    balancer:',
      '      loadBalancer: aws',
      '      frontends:',
      '        - { service: web, listener: "arn:…", targetGroups: { blue: "arn:…", green: "arn:…" } }',
    ]);
  });

  it('begins with a load balancer where there is none, and has none for a unit that takes no requests', () => {
    const idle = makeUnitRelease({ services: [makeUnitService('worker', { port: null })] });

    expect(unitFleetLines(unit, { loadBalancers: [] }).slice(0, 2)).toEqual([
      'loadBalancers:',
      '  - { name: edge, type: haproxy, endpoint: "tcp://10.0.0.5:9999" }',
    ]);
    expect(unitFleetLines(idle, { loadBalancers: [] })).toEqual(['units:', '  - name: shop']);
  });

  it('is what the command says before anything is asked for', () => {
    const here = { name: shop, balancer: null, files: {} };

    expect(() => refuseUnknownUnit(fleet(1), unit)).toThrow(
      'the fleet file of lab has no unit shop; nothing was changed; add to it, with the site’s own values:\nloadBalancers:',
    );
    expect(() => refuseUnknownUnit({ ...fleet(1), units: [here] }, unit)).not.toThrow();
  });
});
