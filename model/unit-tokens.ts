import type { Slot } from './unit.ts';

/**
 * What stands in braces in a unit's texts: `{unit}`, `{slot}`, `{version}`, `{host}`, and of a service with a port
 * `{db.address}` (`host:port` of its first member), `{db.host}`, `{db.port}`, and `{web.addresses}` (all members, with commas).
 * Of a service that is not shared: its members in the same slot.
 */
export type TokenValues = Readonly<Record<string, string>>;

const TOKEN = /\{([a-z0-9][a-z0-9.-]*)\}/g;
/** Of every text. */
const PLAIN = ['unit', 'slot', 'version', 'host'] as const;
const OF_SERVICE = ['address', 'addresses', 'host', 'port'] as const;

/** Where a service's member is reached. */
export type ReachedMember = { readonly service: string; readonly host: string; readonly port: number };

export function tokenValues(
  plain: Readonly<Record<(typeof PLAIN)[number], string>>,
  reached: readonly ReachedMember[],
): TokenValues {
  const services = [...new Set(reached.map(({ service }) => service))];
  const values = services.flatMap((service) => {
    const members = reached.filter((member) => member.service === service);
    const addresses = members.map(({ host, port }) => `${host}:${port}`);
    const [first] = members;
    return [
      [`${service}.address`, addresses[0] ?? ''],
      [`${service}.addresses`, addresses.join(',')],
      [`${service}.host`, first?.host ?? ''],
      [`${service}.port`, String(first?.port ?? '')],
    ] as const;
  });
  return { ...Object.fromEntries(values), ...plain };
}

/** A token that is not known stays as it is: a release was checked when it was built. */
export const fillTokens = (text: string, values: TokenValues): string =>
  text.replace(TOKEN, (token, name: string) => values[name] ?? token);

/** Tokens of the text that are none of a unit with these services that have a port. */
export function unknownTokens(text: string, services: readonly string[]): readonly string[] {
  const known = new Set<string>([...PLAIN, ...services.flatMap((name) => OF_SERVICE.map((of) => `${name}.${of}`))]);
  return [...text.matchAll(TOKEN)].map(([, name = '']) => name).filter((name) => !known.has(name));
}

/** `shop-web-{slot}` → `shop-web-green`. */
export const fillSlot = (text: string, slot: Slot): string => text.replaceAll('{slot}', slot);
