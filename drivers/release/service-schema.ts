import { z } from 'zod';
import { parseServiceId } from '../../model/ids.ts';
import { parseAmount, type Amount } from '../../model/policy.ts';
import { OWN_LABEL_PREFIX } from '../../model/replacement.ts';
import { defaultServicePolicy, type ServiceStrategy } from '../../model/service.ts';
import { Arguments, Command, Duration, Environment, Image, matching, name, probes } from './manifest-fields.ts';

const AMOUNT = /^([1-9]\d{0,5}|([1-9]\d?|100)%)$/;
/** `least`: a phase of nobody would never end, while `minAvailable: 0` says what is meant. */
function amount(least: 0 | 1): z.ZodType<Amount, string | number> {
  const expected = `a number of members such as ${least + 1}, or a share such as 25%`;
  const number = z.int().min(least).max(MAX_AMOUNT).transform(String);
  return z.union([number, matching(expected, AMOUNT)], { error: `expected ${expected}` }).transform(parseAmount);
}
/** Largest number of members that is believed. */
const MAX_AMOUNT = 999_999;

const Strategy = z
  .union(
    [
      z.enum(['inPlace', 'allAtOnce']).transform((strategy): ServiceStrategy => ({ strategy })),
      z
        .strictObject({ phases: amount(1) })
        .transform(({ phases }): ServiceStrategy => ({ strategy: 'phases', size: phases })),
    ],
    { error: 'expected inPlace, allAtOnce, or { phases: 2 } or { phases: 25% }' },
  )
  .meta({
    description:
      'inPlace: one member after another · phases: so many at a time · allAtOnce: all old ones stop before the first new one starts.',
  });

const ServiceHealth = z
  .strictObject({
    minHealthyTime: Duration.default(defaultServicePolicy.health.minHealthyTimeMs).meta({
      description: "How long a new member must run and be healthy, by the image's own check and the probe.",
    }),
    deadline: Duration.default(defaultServicePolicy.health.deadlineMs).meta({
      description: 'Time from its start to become healthy; then the old one comes back.',
    }),
    probe: z.discriminatedUnion('type', [...probes]).optional(),
  })
  .refine((health) => health.minHealthyTime < health.deadline, {
    path: ['deadline'],
    error: 'a deadline must be longer than minHealthyTime, or no member can become healthy',
  });

const Labels = z
  .record(z.string(), z.string())
  .refine((labels) => Object.keys(labels).every((label) => !label.startsWith(OWN_LABEL_PREFIX)), {
    error: `labels that begin with ${OWN_LABEL_PREFIX} are refit's own`,
  })
  .meta({ description: 'Laid over the labels that are there.' });

export const Service = z
  .strictObject({
    name: name('a service').transform(parseServiceId),
    image: Image,
    compatible: z
      .boolean()
      .default(true)
      .meta({ description: 'false: the old and the new version never serve together; all members change at once.' }),
    infrastructure: z.boolean().default(false).meta({ description: 'Upgraded before the services that are not.' }),
    strategy: Strategy.optional(),
    mode: z.enum(['inPlace', 'create', 'agent']).default('inPlace').meta({
      description: "create: old containers go, new ones come from the image · agent: each host's agent does it.",
    }),
    minAvailable: amount(0).optional().meta({ description: 'Members that stay available: 2 or 50%.' }),
    health: ServiceHealth.prefault({}),
    drain: Duration.default(defaultServicePolicy.drainMs).meta({
      description: 'Longest wait for a member to end what it does, once the load balancer sends it nothing new.',
    }),
    command: Arguments.optional().meta({ description: 'Instead of the command that was set on the container.' }),
    entrypoint: Command.optional(),
    env: Environment.optional().meta({ description: 'Laid over the variables that are there; numbers in quotes.' }),
    labels: Labels.optional(),
  })
  .superRefine((service, context) => {
    for (const [field, message] of contradictions(service)) {
      context.addIssue({ code: 'custom', path: [field], message });
    }
  });

/** What an author gets without naming a strategy. */
export const strategyOf = ({
  strategy,
  compatible,
}: Pick<z.output<typeof Service>, 'strategy' | 'compatible'>): ServiceStrategy =>
  strategy ?? { strategy: compatible ? 'inPlace' : 'allAtOnce' };

type Contradiction = readonly [field: string, message: string];

function contradictions(
  service: Pick<z.output<typeof Service>, 'strategy' | 'compatible' | 'mode' | 'minAvailable'>,
): readonly Contradiction[] {
  const isAllAtOnce = strategyOf(service).strategy === 'allAtOnce';
  const found: Contradiction[] = [];
  if (!service.compatible && !isAllAtOnce) {
    found.push(['strategy', 'compatible: false needs allAtOnce, or two versions would serve together']);
  }
  if (isAllAtOnce && service.mode === 'agent') {
    found.push(['mode', "agent can't be allAtOnce: each host's agent works on its own; take inPlace or create"]);
  }
  if (isAllAtOnce && service.minAvailable !== undefined) {
    found.push(['minAvailable', 'allAtOnce leaves no member available; take minAvailable away, or take phases']);
  }
  return found;
}
