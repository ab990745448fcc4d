import proto, { type temporal } from '@temporalio/proto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { ReplayProblem } from './problem.ts';

/** A file holds one recorded upgrade with its children; the largest has some 300 kB. */
const MAX_FILE_BYTES = 64 * 1024 ** 2;

/** One run of a workflow: of an upgrade, or of one of its children. */
export type RecordedRun = { readonly workflowId: string; readonly history: temporal.api.history.v1.IHistory };

const Runs = z.array(z.object({ workflowId: z.string(), history: z.object({ events: z.array(z.looseObject({})) }) }));

/** The runs of every file in the folder, in the files' order. */
export async function* readCorpus(folder: string): AsyncGenerator<RecordedRun> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.json')).sort();
  for (const name of names) yield* parseRuns(join(folder, name), await readFile(join(folder, name)));
}

function parseRuns(file: string, bytes: Buffer): readonly RecordedRun[] {
  if (bytes.length > MAX_FILE_BYTES) throw new ReplayProblem(`${file} has more than ${MAX_FILE_BYTES} bytes`);
  const parsed = Runs.safeParse(JSON.parse(bytes.toString('utf8')));
  if (!parsed.success) throw new ReplayProblem(`${file}: expected recorded runs, each with workflowId and history`);
  const { History } = proto.temporal.api.history.v1;
  return parsed.data.map(({ workflowId, history }) => ({ workflowId, history: History.fromObject(history) }));
}
