import { z } from 'zod';
import { parseServiceId } from '../model/ids.ts';
import { SERVICE_LABEL, type Service } from '../model/service.ts';
import { balancerTypes, expectedBalancer, httpUrl, name, repeated, serverName, text } from './fleet-fields.ts';
import { itemPaths, valueAt, type Problem } from './yaml-document.ts';

const Haproxy = z.strictObject({
  name: name('load balancer'),
  type: z.literal('haproxy'),
  endpoint: text(
    "HAProxy's runtime API such as unix:///run/haproxy/admin.sock or tcp://10.0.0.5:9999",
    /^(unix:\/\/\/\S+|tcp:\/\/[^\s/:]+:\d+|tcp:\/\/\[[0-9a-f:]+\]:\d+)$/,
  ),
});

const Elb = z
  .strictObject({
    name: name('load balancer'),
    type: z.literal('elbv2'),
    region: text('a region of AWS such as eu-west-1', /^[a-z]{2}(-[a-z]+)+-\d$/),
    endpoint: httpUrl('an address such as https://elasticloadbalancing.eu-west-1.amazonaws.com').optional(),
  })
  .transform((elb) => ({ ...elb, endpoint: elb.endpoint ?? null }));

export const LoadBalancers = z.array(z.discriminatedUnion('type', [Haproxy, Elb])).default([]);

/** Without a label it would be every container of the fleet. */
const Selector = z
  .record(z.string(), z.string())
  .refine((labels) => Object.keys(labels).length > 0, { error: 'expected at least one label' });

const Balancer = z.strictObject({
  loadBalancer: z.string(),
  backend: text("a backend's name of letters, digits and _.:-", /^[A-Za-z0-9_.:-]+$/),
  server: serverName.default('{host}-{container}'),
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
    ...wrongBalancers(value),
  ];
}

/** A service's members are taken out one by one, which only HAProxy's driver can. */
function wrongBalancers(value: unknown): readonly Problem[] {
  const types = balancerTypes(value);
  return itemPaths(value, ['services']).flatMap((item): readonly Problem[] => {
    const path = [...item, 'balancer', 'loadBalancer'];
    const found = valueAt(value, path);
    if (typeof found !== 'string') return [];
    if (!types.has(found)) return [{ path, message: `${expectedBalancer(types)}, got "${found}"` }];
    if (types.get(found) !== 'elbv2') return [];
    return [{ path, message: `expected a load balancer of type haproxy, got "${found}", which is of type elbv2` }];
  });
}
