import { NativeConnection } from '@temporalio/worker';
import type { TemporalAccess } from '../drivers/temporal-access.ts';

export type Temporal = {
  readonly connection: NativeConnection;
  readonly namespace: string;
  readonly address: string;
};

/** Throws when it does not answer. */
export async function openTemporal({ address, namespace, options }: TemporalAccess): Promise<Temporal> {
  return { connection: await NativeConnection.connect(options), namespace, address };
}
