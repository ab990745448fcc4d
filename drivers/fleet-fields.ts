import { z } from 'zod';
import { isName } from '../model/ids.ts';
import { formatPath, itemPaths, valueAt, type FieldPath, type Problem } from './yaml-document.ts';

export const text = (expected: string, pattern: RegExp): z.ZodString =>
  z.string({ error: `expected ${expected}` }).regex(pattern, { error: `expected ${expected}`, abort: true });

export const name = (what: string): z.ZodString =>
  z
    .string({ error: `expected the name of a ${what}` })
    .refine(isName, { error: `expected a ${what}'s name of lower-case letters, digits, dots and dashes`, abort: true });

/** A host's or a balancer's own port: `http://host:port`, without a path. */
export const httpUrl = (expected: string): z.ZodString => text(expected, /^https?:\/\/[^\s/]+\/?$/);

export const serverName: z.ZodString = text(
  "a server's name of letters, digits and _.:-, with {host} and {container} for the member's own",
  /^([A-Za-z0-9_.:-]|\{host\}|\{container\})+$/,
);

/** Types of the file's load balancers, by their names. */
export const balancerTypes = (value: unknown): ReadonlyMap<unknown, unknown> =>
  new Map(
    itemPaths(value, ['loadBalancers']).map((item) => [
      valueAt(value, [...item, 'name']),
      valueAt(value, [...item, 'type']),
    ]),
  );

/** What a name that is none of the file's load balancers should have been. */
export const expectedBalancer = (types: ReadonlyMap<unknown, unknown>): string =>
  `expected one of this file's loadBalancers (${types.size === 0 ? 'there are none' : [...types.keys()].join(', ')})`;

/** Texts that stand twice in a list's items, at one field of each. */
export function repeated(value: unknown, list: string, field: FieldPath): readonly Problem[] {
  const first = new Map<unknown, FieldPath>();
  return itemPaths(value, [list]).flatMap((item): readonly Problem[] => {
    const path = [...item, ...field];
    const found = valueAt(value, path);
    const earlier = first.get(found);
    if (earlier === undefined) first.set(found, path);
    if (earlier === undefined || typeof found !== 'string') return [];
    return [{ path, message: `"${found}" is already ${formatPath(earlier)}` }];
  });
}
