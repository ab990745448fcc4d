import { z } from 'zod';
import { hostId, reason } from './fields.ts';

/** Longest name of a step or a checkpoint, as a wait names it. */
const MAX_STEP_LENGTH = 200;

const why = { reason: reason.exactOptional() };
const step = z.string().min(1).max(MAX_STEP_LENGTH);
const plain = <Name extends string>(name: Name, description: string) =>
  z.strictObject({ command: z.literal(name), ...why }).meta({ description });

const pause = plain('pause', 'Start nothing new; what runs finishes.');
const resume = plain('resume', 'Go on after a pause, or once what failed is mended.');
const abort = plain('abort', 'End it and leave everything as it is.');
const rollback = plain('rollback', 'Take back what it changed, in reverse order.');
const deleteStandby = plain('deleteStandby', 'Remove the slot that takes no requests.');
const approve = z
  .strictObject({ command: z.literal('approve'), step: step.describe('As the wait names it.'), ...why })
  .meta({ description: 'Let a step go on that waits for it.' });
const rollbackTo = z
  .strictObject({
    command: z.literal('rollback'),
    to: step
      .exactOptional()
      .describe('A checkpoint: `start`, or the version of a hop. Absent: as far back as it goes.'),
    ...why,
  })
  .meta({ description: 'Take back what it changed, in reverse order.' });
const retryHost = z
  .strictObject({
    command: z.literal('retryHost'),
    host: hostId,
    edited: z
      .enum(['keep', 'replace'])
      .exactOptional()
      .describe('What becomes of files on it that an administrator edited and that ask.'),
    ...why,
  })
  .meta({ description: 'Order a host that failed once more.' });
const skipHost = z
  .strictObject({ command: z.literal('skipHost'), host: hostId, ...why })
  .meta({ description: 'Leave a host that failed as it is, and go on without it.' });

export const upgradeCommandSchema = z
  .discriminatedUnion('command', [pause, resume, abort, rollbackTo, approve, retryHost, skipHost])
  .meta({ id: 'UpgradeCommand', description: 'What an operator asks of a fleet’s upgrade.' });
export type UpgradeCommandDocument = z.output<typeof upgradeCommandSchema>;

export const serviceCommandSchema = z
  .discriminatedUnion('command', [pause, resume, abort, rollback])
  .meta({ id: 'ServiceCommand', description: 'What an operator asks of a service’s upgrade.' });
export type ServiceCommandDocument = z.output<typeof serviceCommandSchema>;

export const unitCommandSchema = z
  .discriminatedUnion('command', [pause, resume, abort, rollback, approve, deleteStandby])
  .meta({ id: 'UnitCommand', description: 'What an operator asks of a unit’s upgrade.' });
export type UnitCommandDocument = z.output<typeof unitCommandSchema>;

export const commandAnswerSchema = z
  .object({ message: z.string().describe('What happens next.') })
  .meta({ id: 'CommandAnswer', description: 'The command was taken.' });

/** The model says `name` where a document says `command`. */
type Renamed<Document> = Document extends { readonly command: infer Name }
  ? Omit<Document, 'command'> & { readonly name: Name }
  : never;

/** A document of one of these as the model has it. */
export const commandOf = <Document extends { readonly command: string }>({
  command: name,
  ...rest
}: Document): Renamed<Document> => ({ ...rest, name }) as unknown as Renamed<Document>;
