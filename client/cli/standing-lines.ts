import type { ServiceStanding } from '../../model/upgrade.ts';
import type { Line } from './progress-lines.ts';

/** Hexadecimal digits of a digest that tell two images apart for people. */
const DIGEST_DIGITS = 12;

/** A release's services, a line each. Pure. */
export function standingLines(services: readonly ServiceStanding[]): readonly Line[] {
  return services.map((service) => ({ text: `  ${describeStanding(service)}`, tone: toneOf(service.state) }));
}

/** Services that are somewhere else than at the last look; what has not begun is no news. */
export function standingChanges(
  before: readonly ServiceStanding[],
  after: readonly ServiceStanding[],
): readonly string[] {
  const known = new Map(before.map((service) => [service.name, describeStanding(service)]));
  return after
    .filter((service) => describeStanding(service) !== known.get(service.name))
    .filter((service) => service.state !== 'pending' || known.has(service.name))
    .map(describeStanding);
}

/** `service web upgrading registry.lab:5000/web@sha256:0123456789ab, 6 members`. */
export function describeStanding({ name, state, image, members, error }: ServiceStanding): string {
  const count = members === null ? '' : `, ${members} ${members === 1 ? 'member' : 'members'}`;
  return `service ${name} ${state} ${shortImage(image)}${count}${error === undefined ? '' : `: ${error}`}`;
}

/** A digest of 64 digits would fill the line. */
export const shortImage = (image: string): string =>
  image.replace(/sha256:([0-9a-f]{64})/g, (_, hex: string) => `sha256:${hex.slice(0, DIGEST_DIGITS)}`);

function toneOf(state: ServiceStanding['state']): Line['tone'] {
  if (state === 'failed') return 'bad';
  if (state === 'done' || state === 'alreadyThere') return 'good';
  return state === 'upgrading' || state === 'rollingBack' ? 'working' : 'quiet';
}
