import { z } from 'zod';
import { defaultServicePolicy } from '../../model/service.ts';
import { MAX_UNIT_MEMBERS, type UnitPort } from '../../model/unit.ts';
import { Duration, ExecProbe, list, matching, Size } from './manifest-fields.ts';
import { unitContainer, UnitServiceName, Volumes } from './unit-container-schema.ts';

/** Least memory of a container that a Docker Engine takes; bytes. */
const MIN_MEMORY_BYTES = 6 * 1024 ** 2;

const Placement = z
  .strictObject({
    labels: z.record(z.string(), z.string()).default({}),
    perHost: z.int().min(1).max(MAX_UNIT_MEMBERS).default(1).meta({ description: 'Most members on one host.' }),
  })
  .meta({ description: "Hosts that carry all the labels, in the fleet file's order." });

const PortNumber = z.int().min(1).max(65_535);

/** The two forms of a port; which of them goes with `shared` is a matter of the service (unit-service-problems.ts). */
const Port = z
  .strictObject({
    inside: PortNumber.meta({ description: 'In the container.' }),
    host: PortNumber.optional().meta({ description: "The host's, of a shared service." }),
    blue: PortNumber.optional().meta({
      description: "The host's, of blue's first member; the second one has the next.",
    }),
    green: PortNumber.optional().meta({ description: "The host's, of green's first member." }),
  })
  .transform(({ inside, host, blue, green }, context): UnitPort => {
    if (blue !== undefined && green !== undefined && host === undefined) return { inside, blue, green };
    if (host !== undefined && blue === undefined && green === undefined) return { inside, blue: host, green: host };
    context.addIssue({ code: 'custom', message: PORT_FORMS });
    return z.NEVER;
  });
const PORT_FORMS =
  'expected blue and green besides inside, such as { inside: 8080, blue: 20080, green: 20180 }, or host alone for a shared service';

const HttpProbe = z.strictObject({
  type: z.literal('http'),
  path: matching('a path such as /health', /^\/[^\s\0]*$/),
  status: z.int().min(100).max(599).default(200),
  contains: z.string().optional().meta({ description: "Text that the answer's body must contain." }),
});
const TcpProbe = z.strictObject({ type: z.literal('tcp') });

const Health = z
  .strictObject({
    minHealthyTime: Duration.default(defaultServicePolicy.health.minHealthyTimeMs).meta({
      description: "How long a member must run and be healthy, by the image's own check and the probe.",
    }),
    deadline: Duration.default(defaultServicePolicy.health.deadlineMs).meta({
      description: 'Time from its start to become healthy.',
    }),
    probe: z
      .discriminatedUnion('type', [HttpProbe, TcpProbe, ExecProbe])
      .optional()
      .meta({ description: "http and tcp ask the member's port on its host, exec runs in the container." }),
  })
  .refine((health) => health.minHealthyTime < health.deadline, {
    path: ['deadline'],
    error: 'a deadline must be longer than minHealthyTime, or no member can become healthy',
  });

export const UnitService = z.strictObject({
  name: UnitServiceName,
  ...unitContainer,
  shared: z.boolean().default(false).meta({
    description: 'true: one for both slots, such as a database; made by the first install and left alone afterwards.',
  }),
  members: z.int().min(1).max(MAX_UNIT_MEMBERS).default(1).meta({ description: 'How many each slot has.' }),
  placement: Placement.prefault({}),
  dependsOn: list(UnitServiceName).default([]).meta({ description: 'Healthy before this one starts.' }),
  port: Port.optional(),
  volumes: Volumes,
  memory: Size.refine((bytes) => bytes >= MIN_MEMORY_BYTES, {
    error: "expected at least 6MiB, a Docker Engine's least",
  }).optional(),
  health: Health.prefault({}),
});
