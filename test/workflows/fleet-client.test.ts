import { afterAll, beforeAll, inject } from 'vitest';
import { openRemoteFleet } from '../../client/remote/remote-fleet.ts';
import { keepsTheContract, type ContractSite } from '../client/fleet-client-contract.ts';
import { isNightly } from '../nightly.ts';
import { startFleetApi } from '../parts/fleet-api.ts';
import { openAskedParts, type AskedParts } from './asked-site.ts';

let parts: AskedParts;
beforeAll(async () => {
  parts = await openAskedParts(inject('temporalAddress'));
});
afterAll(async () => parts.close());

keepsTheContract('straight', () => parts.open());
// In the ordinary run an API asks a fleet in memory instead, and the command line a real one both ways.
keepsTheContract('through an API', openRemote, { isSkipped: !isNightly });

async function openRemote(): Promise<ContractSite> {
  const direct = await parts.open();
  const api = await startFleetApi([direct.client, direct.away]);
  const open = (fleet: string): ReturnType<typeof openRemoteFleet> =>
    openRemoteFleet({ ...api.access, url: `${api.url}/v1/fleets/${fleet}` });
  const [client, away] = [await open(direct.client.fleet), await open(direct.away.fleet)];
  return {
    ...{ ...direct, client, away },
    [Symbol.asyncDispose]: async () => {
      await Promise.all([client.close(), away.close()]);
      await api[Symbol.asyncDispose]();
      await direct[Symbol.asyncDispose]();
    },
  };
}
