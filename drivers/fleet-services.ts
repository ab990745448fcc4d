import { z } from 'zod';
import { parseServiceId } from '../model/ids.ts';
import { SERVICE_LABEL, type Service } from '../model/service.ts';
import { name, repeated, text } from './fleet-fields.ts';
import { itemPaths, valueAt, type Problem } from './yaml-document.ts';

export const LoadBalancers = z
  .array(
    z.strictObject({
      name: name('load balancer'),
      type: z.literal('haproxy'),
      endpoint: text(
        "HAProxy's runtime API such as unix:///run/haproxy/admin.sock or tcp://10.0.0.5:9999",
        /^(unix:\/\/\/\S+|tcp:\/\/[^\s/:]+:\d+|tcp:\/\/\[[0-9a-f:]+\]:\d+)$/,
      ),
    }),
  )
  .default([]);

/** Without a label it would be every container of the fleet. */
const Selector = z
  .record(z.string(), z.string())
  .refine((labels) => Object.keys(labels).length > 0, { error: 'expected at least one label' });

const Balancer = z.strictObject({
  loadBalancer: z.string(),
  backend: text("a backend's name of letters, digits and _.:-", /^[A-Za-z0-9_.:-]+$/),
  server: text(
    "a server's name of letters, digits and _.:-, with {host} and {container} for the member's own",
    /^([A-Za-z0-9_.:-]|\{host\}|\{container\})+$/,
  ).default('{host}-{container}'),
});

export const Services = z
  .array(
    z
      .strictObject({
        name: name('service').transform(parseServiceId),
        selector: Selector.optional(),
        balancer: Balancer.optional(),
      })
      .transform((service): Service => ({
        name: service.name,
        selector: service.selector ?? { [SERVICE_LABEL]: service.name },
        balancer: service.balancer ?? null,
      })),
  )
  .default([]);

/** What a schema of one item can't see. */
export function serviceProblems(value: unknown): readonly Problem[] {
  return [
    ...repeated(value, 'loadBalancers', ['name']),
    ...repeated(value, 'services', ['name']),
    ...unknownLoadBalancers(value),
  ];
}

function unknownLoadBalancers(value: unknown): readonly Problem[] {
  const names = itemPaths(value, ['loadBalancers']).map((item) => valueAt(value, [...item, 'name']));
  const known = [...new Set(names)];
  return itemPaths(value, ['services']).flatMap((item): readonly Problem[] => {
    const path = [...item, 'balancer', 'loadBalancer'];
    const found = valueAt(value, path);
    if (typeof found !== 'string' || known.includes(found)) return [];
    const those = known.length === 0 ? 'there are none' : known.join(', ');
    return [{ path, message: `expected one of this file's loadBalancers (${those}), got "${found}"` }];
  });
}
