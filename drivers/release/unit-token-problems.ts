import { unknownTokens } from '../../model/unit-tokens.ts';
import type { Problem } from '../yaml-document.ts';
import type { PlacedText } from './repeated.ts';
import type { ContainerDraft, ServiceDraft, UnitDraft } from './unit-draft.ts';

/** Tokens that nothing would be put in for: a container would start with the braces. */
export function tokenProblems({ services, addOns, jobs }: UnitDraft): readonly Problem[] {
  const reached = services.filter(({ port }) => port !== null);
  const inSlot = { plain: PLAIN, services: reached.map(({ name }) => name) };
  // In no slot, it has none to speak of, and reaches only what is in none either.
  const shared = {
    plain: PLAIN.filter((token) => token !== 'slot'),
    services: reached.filter((service) => service.shared !== false).map(({ name }) => name),
  };
  return [
    ...services.flatMap((service) =>
      problemsOf(service, service.shared === true ? shared : inSlot, probeTexts(service)),
    ),
    ...[...addOns, ...jobs].flatMap((container) => problemsOf(container, inSlot)),
  ];
}

const PLAIN: readonly string[] = ['unit', 'slot', 'version', 'host'];

/** The tokens that a container may have. */
type Known = { readonly plain: readonly string[]; readonly services: readonly string[] };

function problemsOf(container: ContainerDraft, known: Known, more: readonly PlacedText[] = []): readonly Problem[] {
  const plain = known.plain.map((token) => `{${token}}`).join(', ');
  const ofServices = known.services.map((name) => `, {${name}.address}, .addresses, .host and .port`).join('');
  return [...textsOf(container), ...more].flatMap(({ text, path }) =>
    unknownOf(text, known).map((token) => ({
      path,
      message: `there is no {${token}} here; there are ${plain}${ofServices}`,
    })),
  );
}

const unknownOf = (text: string, { plain, services }: Known): readonly string[] => [
  ...unknownTokens(text, services),
  ...PLAIN.filter((token) => !plain.includes(token) && text.includes(`{${token}}`)),
];

function textsOf(container: ContainerDraft): readonly PlacedText[] {
  const { path, env } = container;
  const lists = (['command', 'entrypoint', 'volumes', 'check', 'down'] as const).flatMap((field) =>
    container[field].map((text, index) => ({ text, path: [...path, field, index] })),
  );
  return [...Object.entries(env).map(([key, text]) => ({ text, path: [...path, 'env', key] })), ...lists];
}

function probeTexts({ path, health }: ServiceDraft): readonly PlacedText[] {
  const { probe } = health;
  const at = (field: string, ...rest: readonly number[]): PlacedText['path'] => [
    ...path,
    'health',
    'probe',
    field,
    ...rest,
  ];
  return [
    { text: probe.path, path: at('path') },
    { text: probe.contains, path: at('contains') },
    ...probe.command.map((text, index) => ({ text, path: at('command', index) })),
  ];
}
