import { describe, expect, expectTypeOf, test } from 'vitest';
import { z } from 'zod';
import { containerUpgradeSchema } from '../../../client/api/schemas/container.ts';
import { planSchema } from '../../../client/api/schemas/plan.ts';
import { policyFrom, policyRequestSchema, policySchema } from '../../../client/api/schemas/policy.ts';
import { releaseSchema } from '../../../client/api/schemas/release.ts';
import { serviceUpgradeSchema } from '../../../client/api/schemas/service.ts';
import { unitUpgradeSchema } from '../../../client/api/schemas/unit.ts';
import { upgradeSchema } from '../../../client/api/schemas/upgrade.ts';
import { parseHostId } from '../../../model/ids.ts';
import { defaultPolicy, type Policy } from '../../../model/policy.ts';
import { FakeFleetClient } from '../../fakes/fleet-client.ts';
import { engineStep, hostWith, kernelStep, readRelease } from '../../fakes/release.ts';
import { makeContainer, makeMember, makeService, newImage } from '../members.ts';
import { BEGAN, makeDecision, makeHost, makeMigration, makeProgress, makeStanding, makeWaiting } from '../progress.ts';
import { makeJob, makeUnit, makeUnitMember } from '../units.ts';

const parts = {
  ...{ waiting: [makeWaiting({ until: BEGAN + 1 })], decisions: [makeDecision()], finishedAt: BEGAN + 2 },
  findings: [{ host: parseHostId('host-1'), severity: 'warning', what: 'is full', remedy: 'empty it' }],
} as const;

/** The document of the model's value, as it comes over the wire, read again. */
const overTheWire = <Value>(schema: z.ZodType<Value>, value: Value): Value =>
  z.decode(schema, JSON.parse(JSON.stringify(z.encode(schema, value))));

describe('documents', () => {
  test('of an upgrade give the upgrade again, with every field', () => {
    const progress = makeProgress({
      ...parts,
      hosts: [makeHost('host-1', { error: 'no space', startedAt: BEGAN, finishedAt: BEGAN + 1 })],
      ...{ services: [makeStanding('web', { error: 'away' })], migrations: [makeMigration('fill')], hostsLeftOut: 3 },
      ...{ hops: [{ to: '2.0.0', state: 'done' }], checkpoints: ['start'], forwardOnly: 'past a point of no return' },
    });

    expect(overTheWire(upgradeSchema, progress)).toEqual(progress);
  });

  test('of services, units and containers give them again', () => {
    const service = makeService({ ...parts, members: [makeMember('host-1', 'web-1', { error: 'x', awayMs: 12 })] });
    const unit = makeUnit({
      ...parts,
      ...{ members: [makeUnitMember('host-1', 'web-1')], jobs: [makeJob()], keptUntil: BEGAN, standby: 'green' },
      traffic: { requests: 7, errors: 1 },
    });
    const { waiting, finishedAt } = parts;
    const container = makeContainer({ waiting, finishedAt, to: newImage, notes: ['a note'], keptUntil: BEGAN });

    expect(overTheWire(serviceUpgradeSchema, service)).toEqual(service);
    expect(overTheWire(unitUpgradeSchema, unit)).toEqual(unit);
    expect(overTheWire(containerUpgradeSchema, container)).toEqual(container);
  });

  test('of releases and plans give them again', async () => {
    const client = new FakeFleetClient();
    const read = readRelease(hostWith(kernelStep('6.2'), engineStep({ 'docker.io': '25' })));
    const planned = await client.plan({ reference: client.publish(read), policy: defaultPolicy });

    expect(overTheWire(releaseSchema, read)).toEqual(read);
    expect(overTheWire(planSchema, planned)).toEqual(planned);
    expect(planned.hops[0]?.steps.map(({ to }) => to)).toEqual([{ kernel: '6.2' }, { engine: { 'docker.io': '25' } }]);
  });
});

describe('a policy that a request names in part', () => {
  test('is the default one for the rest', () => {
    expect(policyFrom(policyRequestSchema.parse({}))).toEqual(defaultPolicy);
    expect(policyFrom(policyRequestSchema.parse({ step: true }))).toEqual({ ...defaultPolicy, step: true });
    expect(policyFrom(undefined)).toEqual(defaultPolicy);
  });

  test('has every field that a policy has, and no other', () => {
    expectTypeOf<keyof z.output<typeof policyRequestSchema>>().toEqualTypeOf<keyof Policy>();

    expect(policySchema.safeParse({ ...defaultPolicy, unknown: 1 }).success).toBe(false);
    expect(policyRequestSchema.safeParse({ unknown: 1 }).success).toBe(false);
  });
});
