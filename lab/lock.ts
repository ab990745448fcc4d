import { randomUUID } from 'node:crypto';
import { link, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { notYet, ready, waitFor, type Look } from './deadline.ts';
import { isAlive, ownProcess, processSchema, type Detached } from './detached.ts';
import type { Say } from './programs.ts';

/** Longest a lab command waits for another: the other may be preparing the machine for the first time. */
const LOCK_DEADLINE_MS = 15 * 60_000;

/** One lab command at a time changes the machine: two would prepare the same image and choose the same ports. */
export async function underLock<T>(file: string, say: Say, work: () => Promise<T>): Promise<T> {
  await mkdir(dirname(file), { recursive: true });
  let told = false;
  await waitFor({ what: `another command to end (${file})`, deadlineMs: LOCK_DEADLINE_MS }, async () => {
    const look = await take(file);
    if (!look.ready && !told) say(`waiting for another lab command (${look.seen})`);
    told = true;
    return look;
  });
  try {
    return await work();
  } finally {
    await rm(file, { force: true });
  }
}

/** The link decides, and is there with its content at once; one left behind by a killed command is removed. */
async function take(file: string): Promise<Look<true>> {
  const own = `${file}.${randomUUID()}`;
  await writeFile(own, JSON.stringify(ownProcess()));
  try {
    await link(own, file);
    return ready(true);
  } catch {
    return notYet(await holderOf(file));
  } finally {
    await rm(own, { force: true });
  }
}

async function holderOf(file: string): Promise<string> {
  const holder = await readHolder(file);
  if (holder !== undefined && isAlive(holder)) return `process ${holder.pid}`;
  await rm(file, { force: true });
  return 'one that was killed';
}

async function readHolder(file: string): Promise<Detached | undefined> {
  const text = await readFile(file, 'utf8').catch(() => '');
  try {
    return processSchema.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}
