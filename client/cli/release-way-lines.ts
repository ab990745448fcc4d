import { isPointOfNoReturn, type Backup, type Migration } from '../../model/migration.ts';
import type { ReadRelease } from '../../model/registry.ts';
import type { ChainEntry, Release, SupportedJump } from '../../model/release.ts';

// What `refit release show` tells of the ways to a release: jumps, the chain, and what is migrated on the way.

/** Ranges that nothing stands against in the first line, each of the others in one of its own. */
export function jumpLines(jumps: readonly SupportedJump[]): readonly string[] {
  if (jumps.length === 0) return ['  upgrades from any version'];
  const open = jumps.filter(({ limit }) => limit.limit === 'none').map(({ range }) => range);
  const limited = jumps.filter(({ limit }) => limit.limit !== 'none').map((jump) => `    ${jumpText(jump)}`);
  return [`  upgrades from ${open.join(', ')}`.trimEnd(), ...limited];
}

export const chainLines = ({ chain, components }: Pick<Release, 'chain' | 'components'>): readonly string[] => [
  `  chain         ${chain.length === 0 ? 'none' : ''}`.trimEnd(),
  ...chain.map((entry) => `    ${chainText(entry)}`),
  `  components    ${componentsText(components) || 'none'}`,
];

export const migrationLines = ({ migrations, backup }: Pick<Release, 'migrations' | 'backup'>): readonly string[] => [
  `  migrations    ${migrations.length === 0 ? 'none' : ''}`.trimEnd(),
  ...migrations.map((migration, index) => `    ${index + 1}. ${migrationText(migration)}`),
  `  backup        ${backup === null ? 'none' : backupText(backup)}`,
];

/** What the release.yaml of a later release holds of this one, in one line of it. */
export function chainEntryText({ ref, release }: Pick<ReadRelease, 'ref' | 'release'>): string {
  const { version, upgradesFrom } = release;
  const components = Object.entries(release.components).map(([name, at]) => `${JSON.stringify(name)}: ${at}`);
  const fields = [
    `version: ${version}`,
    `digest: ${ref.digest}`,
    ...(upgradesFrom.length === 0 ? [] : [`upgradesFrom: [${upgradesFrom.map(jumpYaml).join(', ')}]`]),
    ...(components.length === 0 ? [] : [`components: { ${components.join(', ')} }`]),
  ];
  return `- { ${fields.join(', ')} }`;
}

function jumpText({ range, limit }: SupportedJump): string {
  switch (limit.limit) {
    case 'none':
      return range;
    case 'blocked':
      return `${range} is blocked: ${limit.reason}`;
    case 'risk':
      return `${range} with --accept-risk ${limit.name}: ${limit.reason}`;
  }
}

/** JSON's texts are YAML's too. */
function jumpYaml({ range, limit }: SupportedJump): string {
  const text = JSON.stringify;
  switch (limit.limit) {
    case 'none':
      return text(range);
    case 'blocked':
      return `{ range: ${text(range)}, blocked: ${text(limit.reason)} }`;
    case 'risk':
      return `{ range: ${text(range)}, risk: ${text(limit.name)}, reason: ${text(limit.reason)} }`;
  }
}

function chainText({ version, digest, upgradesFrom, components }: ChainEntry): string {
  const from = upgradesFrom.length === 0 ? 'any lower version' : upgradesFrom.map(jumpText).join('; ');
  const parts = componentsText(components);
  return `${version} from ${from}${parts === '' ? '' : `; with ${parts}`}; ${digest}`;
}

const componentsText = (components: Release['components']): string =>
  Object.entries(components)
    .map(([name, version]) => `${name} ${version}`)
    .join(', ');

function migrationText(migration: Migration): string {
  const { name, when, beside, image, down } = migration;
  const way = isPointOfNoReturn(migration) ? 'no way back' : down === null ? 'stays on a roll back' : 'with a way back';
  return `${name}: ${when}, ${way}, beside ${beside}, from ${image}`;
}

const backupText = ({ beside, image }: Backup): string => `beside ${beside}, from ${image}`;
