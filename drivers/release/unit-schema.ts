import { z } from 'zod';
import { parseUnitId } from '../../model/ids.ts';
import { defaultUnitPolicy, MAX_UNIT_MEMBERS, MAX_UNIT_MIGRATIONS, MAX_UNIT_TESTS } from '../../model/unit.ts';
import { Duration, list, matching, name } from './manifest-fields.ts';
import { parseShare } from './quantities.ts';
import { AccountData, AddOn, Migration, UnitTest } from './unit-container-schema.ts';
import { UnitService } from './unit-service-schema.ts';

const { soak } = defaultUnitPolicy;

const ErrorRate = matching(
  'a share of the requests such as 2% or 0.5%, or none',
  /^(none|100%|\d{1,2}(\.\d{1,4})?%)$/,
).transform((share) => (share === 'none' ? null : parseShare(share)));

const Soak = z
  .strictObject({
    duration: Duration.default(soak.durationMs).meta({ description: '0s: no soak.' }),
    maxErrorRate: ErrorRate.default(soak.maxErrorRate).meta({
      description: 'Share of the requests that may fail, such as 2%; none: it is not looked at.',
    }),
    minRequests: z.int().nonnegative().default(soak.minRequests).meta({
      description: 'Below so many requests a rate says nothing.',
    }),
    window: Duration.refine((ms) => ms > 0, { error: 'expected a time in which requests can be counted' })
      .default(soak.windowMs)
      .meta({ description: 'The rate is judged over this time, and over the whole soak.' }),
    unhealthy: Duration.default(soak.unhealthyMs).meta({
      description: 'A member that is not well for this long has failed.',
    }),
  })
  .meta({ description: 'How the new slot is watched after the cutover.' });

/** A whole blue/green installation. unit-problems.ts says what fits together in it. */
export const Unit = z.strictObject({
  name: name('a unit').transform(parseUnitId),
  approval: z.boolean().default(defaultUnitPolicy.approval).meta({ description: 'Ask before the cutover.' }),
  keep: Duration.default(defaultUnitPolicy.keepMs).meta({
    description: 'How long the other slot is kept warm after the soak.',
  }),
  drain: Duration.default(defaultUnitPolicy.drainMs).meta({
    description: 'Longest wait for requests that a slot is still at work on, before its containers are stopped.',
  }),
  confirm: Duration.default(defaultUnitPolicy.confirmMs).meta({
    description: 'Within this time both slots must be seen healthy at the same moment.',
  }),
  soak: Soak.prefault({}),
  services: list(UnitService).min(1).max(MAX_UNIT_MEMBERS),
  migrations: list(Migration).max(MAX_UNIT_MIGRATIONS).default([]),
  accountData: AccountData.optional().meta({ description: "Fills the new slot with its site's accounts." }),
  addOns: list(AddOn).max(MAX_UNIT_MEMBERS).default([]).meta({
    description: 'On every host that has a member of the slot.',
  }),
  tests: list(UnitTest).max(MAX_UNIT_TESTS).default([]).meta({
    description: 'On the new slot before it takes any request; one that fails means that it never does.',
  }),
});

export type ManifestUnit = z.output<typeof Unit>;
