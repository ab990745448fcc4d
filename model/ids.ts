/** Ids are branded strings and come only from their parsers here, so that a host is never taken for a fleet. */
type Brand<Name extends string> = string & { readonly __brand: Name };

export type HostId = Brand<'HostId'>;
export type FleetId = Brand<'FleetId'>;
export type UpgradeId = Brand<'UpgradeId'>;
export type StepId = Brand<'StepId'>;
export type ServiceId = Brand<'ServiceId'>;
export type UnitId = Brand<'UnitId'>;
/** `sha256:` and 64 hexadecimal digits. */
export type Digest = Brand<'Digest'>;

/** Longest name: a DNS label, because host names end up in container names and etcd keys. */
const MAX_NAME_LENGTH = 63;
const NAME = /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/;
const DIGEST = /^sha256:[0-9a-f]{64}$/;

export const parseHostId = (text: string): HostId => parseName(text, 'a host') as HostId;
export const parseFleetId = (text: string): FleetId => parseName(text, 'a fleet') as FleetId;
export const parseUpgradeId = (text: string): UpgradeId => parseName(text, 'an upgrade') as UpgradeId;
export const parseServiceId = (text: string): ServiceId => parseName(text, 'a service') as ServiceId;
export const parseUnitId = (text: string): UnitId => parseName(text, 'a unit') as UnitId;
export const parseStepId = (text: string): StepId => parseName(text, 'a step') as StepId;

/** The two steps that a kernel step brings along on a host. */
export const bootStepId = (step: StepId): StepId => parseStepId(`${step}${BOOT_SUFFIX}`);
export const confirmStepId = (step: StepId): StepId => parseStepId(`${step}${CONFIRM_SUFFIX}`);
/** Whether a step is of a kernel on trial, by its name alone. */
export const isTrialStepId = (step: StepId): boolean => step.endsWith(BOOT_SUFFIX) || step.endsWith(CONFIRM_SUFFIX);

const BOOT_SUFFIX = '.boot';
const CONFIRM_SUFFIX = '.confirm';
/** Longest id of a kernel step: what it brings along has a name, too. */
export const MAX_KERNEL_ID_LENGTH = MAX_NAME_LENGTH - CONFIRM_SUFFIX.length;

/** Throws a RangeError that quotes the text when it is no sha256 digest. */
export function parseDigest(text: string): Digest {
  if (!DIGEST.test(text)) throw new RangeError(`expected a digest such as sha256:<64 hex digits>, got "${text}"`);
  return text as Digest;
}

/**
 * Under which an upgrade's hop is known to agents, engines and the bus: its orders, labels and its part of the plan. The
 * first has the upgrade's own; so each hop can be taken back without the others.
 */
export const hopUpgradeId = (upgrade: UpgradeId, index: number): UpgradeId =>
  index === 0 ? upgrade : parseUpgradeId(`${upgrade}${HOP_MARK}${index + 1}`);

/** The upgrade that a hop's id belongs to. */
export const upgradeOfHop = (id: string): string => id.replace(HOP_SUFFIX, '');

const HOP_MARK = '.hop-';
const HOP_SUFFIX = /\.hop-\d+$/;

export const isName = (text: string): boolean => text.length <= MAX_NAME_LENGTH && NAME.test(text);

/** The digest's hexadecimal part, for file names. */
export const digestHex = (digest: Digest): string => digest.slice('sha256:'.length);

function parseName(text: string, what: string): string {
  if (isName(text)) return text;
  throw new RangeError(
    `expected ${what} name of at most ${MAX_NAME_LENGTH} lower-case letters, digits, dots and dashes, got "${text}"`,
  );
}
