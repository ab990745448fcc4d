import { closeSync, constants, fstatSync, mkdirSync, openSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Order } from '../../model/bus.ts';
import { encodeBusValue, parseOrder, type Parsed } from '../../drivers/bus-values.ts';
import { syncFolder, writeDurably } from '../durable.ts';
import type { Places } from '../places.ts';

/** An order has a kB; more is none. */
const MAX_ORDER_BYTES = 256 * 1024;
/** Write permission of the group and of everybody. */
const WRITABLE_BY_OTHERS = 0o022;

/** The order that this host was given by itself, without worker or bus. */
export const localOrderFile = (places: Places): string => join(places.state, 'local', 'order.json');

/** Only root looks into the folder; it is watched, so it is there before the first order is. */
export function makeLocalFolder(places: Places): void {
  mkdirSync(dirname(localOrderFile(places)), { recursive: true, mode: 0o700 });
}

/** null: there is none. What a user other than the agent's own could have written is not obeyed. */
export function readLocalOrder(path: string): Parsed<Order> | null {
  try {
    const file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW);
    try {
      return readOwn(file, path);
    } finally {
      closeSync(file);
    }
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    // A folder or a disk that can't be read is no order, and no reason for an agent to end.
    return { ok: false, problem: `${path} can't be read: ${String(error)}` };
  }
}

function readOwn(file: number, path: string): Parsed<Order> {
  const { uid, mode, size } = fstatSync(file);
  if (uid !== process.getuid?.() || (mode & WRITABLE_BY_OTHERS) !== 0) {
    return { ok: false, problem: `${path} is not a file that root alone may write` };
  }
  if (size > MAX_ORDER_BYTES)
    return { ok: false, problem: `${path} has ${size} bytes, expected ${MAX_ORDER_BYTES} at most` };
  return parseOrder(readFileSync(file, 'utf8'));
}

/** In one step: whoever reads sees the order before or this one, whole. */
export function writeLocalOrder(places: Places, order: Order): void {
  makeLocalFolder(places);
  writeDurably(localOrderFile(places), encodeBusValue(order), 0o600);
}

/** Once it is over, so that it is not obeyed again should somebody clear the journals. */
export function removeLocalOrder(places: Places): void {
  rmSync(localOrderFile(places), { force: true });
  syncFolder(dirname(localOrderFile(places)));
}
