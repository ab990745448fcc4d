import type { FleetClient } from '../../client/fleet-client.ts';
import { openRemoteFleet } from '../../client/remote/remote-fleet.ts';
import { FakeFleetClient } from '../fakes/fleet-client.ts';
import { readRelease, releaseRef } from '../fakes/release.ts';
import { OPERATOR, startFleetApi } from '../parts/fleet-api.ts';
import { keepsTheContract, type ContractSite } from './fleet-client-contract.ts';

keepsTheContract('in memory', async () => Promise.resolve(openFake()));
keepsTheContract('through an API that asks one in memory', openRemote);

type FakeSite = ContractSite & { readonly fake: FakeFleetClient; readonly away: FleetClient };

function openFake(): FakeSite {
  const fake = new FakeFleetClient({ hosts: 2 });
  const away = new FakeFleetClient({ name: 'away' });
  away.away = 'temporal at 127.0.0.1:1 does not answer';
  return {
    ...{ fake, client: fake, away, by: OPERATOR, references: publish(fake), letGo: () => fake.finish() },
    [Symbol.asyncDispose]: () => fake.close(),
  };
}

async function openRemote(): Promise<ContractSite> {
  const site = openFake();
  const api = await startFleetApi([site.client, site.away]);
  const open = (fleet: string): Promise<FleetClient> =>
    openRemoteFleet({ ...api.access, url: `${api.url}/v1/fleets/${fleet}` });
  const [client, away] = [await open(site.client.fleet), await open(site.away.fleet)];
  return {
    ...{ ...site, client, away },
    [Symbol.asyncDispose]: async () => {
      await Promise.all([client.close(), away.close()]);
      await api[Symbol.asyncDispose]();
    },
  };
}

function publish(client: FakeFleetClient): ContractSite['references'] {
  const elsewhere = { ...readRelease({ fleets: ['production-*'] }), ref: releaseRef('3.0.0', 'e') };
  const nowhere = 'registry.lab:5000/sample:9.9.9';
  client.missing.add(nowhere);
  return { here: client.publish(readRelease()), elsewhere: client.publish(elsewhere), nowhere };
}
