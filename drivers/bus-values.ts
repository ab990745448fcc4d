import { z } from 'zod';
import { agentPhases, type AgentPhase } from '../model/agent-phase.ts';
import {
  BUS_VERSION,
  MAX_DRIFT,
  type Alive,
  type Baton,
  type Chain,
  type Epoch,
  type Hold,
  type HostFacts,
  type MemberLevel,
  type MigrationLock,
  type Order,
  type Report,
} from '../model/bus.ts';
import { parseDigest, parseHostId, parseServiceId, parseStepId, parseUpgradeId } from '../model/ids.ts';
import { MAX_ORDERED } from '../model/service.ts';

/** A value from the bus, or why it can't be read; such a value is reported and never obeyed. */
export type Parsed<Value> =
  { readonly ok: true; readonly value: Value } | { readonly ok: false; readonly problem: string };

/** Longest value that is looked at; characters. A report with all its measured entries has a few kB. */
const MAX_VALUE_LENGTH = 256 * 1024;
/** Longest part of an unreadable value that a message quotes; characters. */
const MAX_QUOTED = 200;
const MAX_MEASURED = 64;
/** Engines allow no others; a name becomes a part of a path there. */
const CONTAINER_NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]{1,127}$/;

const upgrade = z.string().transform(toId(parseUpgradeId));
const host = z.string().transform(toId(parseHostId));
const step = z.string().transform(toId(parseStepId));
const service = z.string().transform(toId(parseServiceId));
const digest = z.string().transform(toId(parseDigest));
const count = z.int().nonnegative();
/** ms since the epoch; a host's clock may be far off, but it counts forward from 1970. */
const time = z.number().nonnegative();
const v = z.literal(BUS_VERSION);
const phase = z.custom<AgentPhase>((value) => agentPhases.some((known) => known === value), 'not a phase of an agent');
const action = z.enum(['install', 'service', 'revert', 'stand-down', 'probe']);

const release = z.object({ name: z.string(), version: z.string(), repository: z.string(), digest, contents: digest });
const installed = z.object({ name: z.string(), version: z.string(), digest });
const reportError = z.object({
  step: step.nullable(),
  kind: z.enum(['failed', 'unhealthy', 'deadline']),
  message: z.string(),
});
const facts = z.object({
  diskFreeBytes: z.number(),
  diskTotalBytes: z.number(),
  kernel: z.string(),
  architecture: z.string(),
  clockMs: time,
  installed: installed.nullable(),
  agent: z.string().nullable(),
  phase,
  packages: z.record(z.string(), z.object({ version: z.string(), restorable: z.boolean() })),
  // Agents of before kernels and engines were upgraded.
  bootLoader: z.object({ name: z.string().nullable(), problem: z.string().nullable() }).nullable().default(null),
  engine: z.object({ package: z.string(), version: z.string() }).nullable().default(null),
  // Agents of before they looked.
  drift: z.array(z.string()).max(MAX_DRIFT).default([]),
});

const container = z.string().regex(CONTAINER_NAME, 'not a name of a container');
const serviceOrder = z.object({ name: service, containers: z.array(container).min(1).max(MAX_ORDERED) });
const order = z
  .object({
    v,
    upgrade,
    hop: count,
    epoch: count,
    sequence: count,
    action,
    release,
    step: step.nullable(),
    /** Orders of versions before services have none. */
    service: serviceOrder.nullable().default(null),
    // Orders of before there was an answer to give.
    edited: z.enum(['keep', 'replace']).nullable().default(null),
    start: z.enum(['now', 'baton']),
    deadlineMs: z.number().positive(),
  })
  .refine(({ action: asked, service: named }) => asked !== 'service' || named !== null, {
    path: ['service'],
    message: 'an order for a service names its members',
  });
const report = z.object({
  v,
  upgrade,
  epoch: count,
  sequence: count,
  action,
  phase,
  refused: z.string().nullable(),
  step: z.object({ id: step, index: count, count, attempt: count }).nullable(),
  error: reportError.nullable(),
  bootId: z.string(),
  agent: z.string(),
  installed: installed.nullable(),
  measured: z
    .record(z.string(), z.string())
    .refine((all) => Object.keys(all).length <= MAX_MEASURED, 'too many entries'),
  probe: z.object({ ok: z.boolean(), evidence: z.string() }).nullable(),
  startedAt: time,
  finishedAt: time.nullable(),
  changedAt: time,
});
const alive = z.object({ v, agent: z.string(), bootId: z.string(), phase, epoch: count, facts });
const epoch = z.object({ v, epoch: count, run: z.string(), startedAt: time });
const chain = z.object({ v, upgrade, epoch: count, hosts: z.array(host) });
const baton = z.object({ v, epoch: count, position: count, holder: host.nullable() });
const hold = z.object({ v, epoch: count, reason: z.string(), since: time });
const member = z.object({
  v,
  upgrade,
  state: z.enum(['Updating', 'Failed', 'RolledBack']),
  image: z.string(),
  since: time,
});
const migrationLock = z.object({ v, upgrade, migration: z.string(), host, job: z.string(), since: time });

export const parseOrder = (text: string): Parsed<Order> => parse(order, 'order', text);
export const parseReport = (text: string): Parsed<Report> => parse(report, 'report', text);
export const parseAlive = (text: string): Parsed<Alive> => parse(alive, 'sign of life', text);
export const parseEpoch = (text: string): Parsed<Epoch> => parse(epoch, 'epoch', text);
export const parseChain = (text: string): Parsed<Chain> => parse(chain, 'chain', text);
export const parseBaton = (text: string): Parsed<Baton> => parse(baton, 'baton', text);
export const parseHold = (text: string): Parsed<Hold> => parse(hold, 'hold', text);
export const parseMigrationLock = (text: string): Parsed<MigrationLock> =>
  parse(migrationLock, 'lock of migrations', text);
export const parseMemberLevel = (text: string): Parsed<MemberLevel> => parse(member, 'state of a member', text);
/** Not on the bus by themselves: what a preflight container prints. */
export const parseHostFacts = (text: string): Parsed<HostFacts> => parse(facts, 'facts', text);

/** The one way a value gets onto the bus. */
type BusValue = Order | Report | Alive | Epoch | Chain | Baton | Hold | MemberLevel | MigrationLock;
export const encodeBusValue = (value: BusValue): string => JSON.stringify(value);

function parse<Value>(schema: z.ZodType<Value>, what: string, text: string): Parsed<Value> {
  if (text.length > MAX_VALUE_LENGTH) return unreadable(what, text, `${text.length} characters are too many`);
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return unreadable(what, text, 'not JSON');
  }
  const parsed = schema.safeParse(json);
  if (parsed.success) return { ok: true, value: parsed.data };
  const [issue] = parsed.error.issues;
  return unreadable(
    what,
    text,
    issue === undefined ? 'not valid' : `${issue.path.join('.') || 'value'}: ${issue.message}`,
  );
}

function unreadable(what: string, text: string, why: string): Parsed<never> {
  return { ok: false, problem: `unreadable ${what} (${why}): ${text.slice(0, MAX_QUOTED)}` };
}

/** The id's own parser, with its message as the issue's. */
function toId<Id>(parseId: (text: string) => Id): (text: string, context: z.RefinementCtx<string>) => Id {
  return (text, context) => {
    try {
      return parseId(text);
    } catch (error) {
      context.addIssue({ code: 'custom', message: error instanceof Error ? error.message : String(error) });
      return z.NEVER;
    }
  };
}
