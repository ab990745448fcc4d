import { get, Agent } from 'node:http';
import { parseUnitId } from '../../model/ids.ts';
import type { BalancedUnit } from '../../model/slot-balancer.ts';
import { slots, type Slot } from '../../model/unit.ts';
import type { UnitHaproxy } from '../parts/haproxy.ts';
import { api, web } from './slot-balancer-contract.ts';

/** The unit that test/parts/haproxy.ts configures, as a fleet file has it. */
export function shopBehind(
  { map }: Pick<UnitHaproxy, 'map'>,
  changes: { readonly backend?: string } = {},
): BalancedUnit & { readonly balancer: ShopBalancer } {
  const frontends = [web, api].map((service) => ({
    service,
    backend: `shop-${service}-{slot}`,
    server: '{host}-{container}',
    ...changes,
  }));
  const balancer = { type: 'haproxy', loadBalancer: 'edge', map, mapFile: map, frontends } as const;
  return { unit: parseUnitId('shop'), balancer };
}
type ShopBalancer = Extract<BalancedUnit['balancer'], { readonly type: 'haproxy' }>;

/** Longest one request may take; ms. A busy machine stands still for seconds. */
const REQUEST_MS = 20_000;

/** The slot whose server answers. An agent keeps its connections; without one each request has its own. */
export function askSlot(url: string, agent?: Agent): Promise<Slot> {
  return new Promise((resolve, reject) => {
    const options = { agent: agent ?? new Agent({ keepAlive: false }), timeout: REQUEST_MS };
    const request = get(url, options, (answer) => {
      let body = '';
      answer.setEncoding('utf8').on('data', (text: string) => (body += text));
      answer.on('error', reject).on('end', () => {
        const slot = slots.find((one) => body.includes(`"version":"${one}"`));
        if (answer.statusCode === 200 && slot !== undefined) resolve(slot);
        else reject(new Error(`expected an answer of a slot, got ${answer.statusCode ?? 'nothing'}: ${body}`));
      });
    });
    request.on('error', reject).on('timeout', () => request.destroy(new Error(`no answer within ${REQUEST_MS} ms`)));
  });
}
