import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { agentTransitions } from '../model/agent-phase.ts';
import { hostTransitions } from '../model/host.ts';
import { memberTransitions } from '../model/service.ts';
import { unitStepTransitions } from '../model/unit-upgrade.ts';
import { hopTransitions, standingTransitions, upgradeTransitions } from '../model/upgrade.ts';

type Table = Readonly<Record<string, readonly string[]>>;
type Diagram = { readonly name: string; readonly file: string; readonly table: Table };

/** Every state machine and the page that shows it; the first state of a table is where it starts. */
export const diagrams: readonly Diagram[] = [
  { name: 'agent', file: 'protocol.md', table: agentTransitions },
  { name: 'upgrade', file: 'states.md', table: upgradeTransitions },
  { name: 'hop', file: 'states.md', table: hopTransitions },
  { name: 'host', file: 'states.md', table: hostTransitions },
  { name: 'service', file: 'states.md', table: standingTransitions },
  { name: 'member', file: 'states.md', table: memberTransitions },
  { name: 'unit step', file: 'units.md', table: unitStepTransitions },
];

/** A table of transitions as a Mermaid state diagram, as GitHub draws it. */
export function toMermaid(table: Table): string {
  const [first = ''] = Object.keys(table);
  const arrows = Object.entries(table).flatMap(([from, targets]) =>
    targets.length === 0 ? [`    ${from} --> [*]`] : targets.map((to) => `    ${from} --> ${to}`),
  );
  return ['```mermaid', 'stateDiagram-v2', `    [*] --> ${first}`, ...arrows, '```'].join('\n');
}

/** The page with the diagram between its two marks; throws if the page lacks them. */
export function withDiagram(page: string, { name, file, table }: Diagram): string {
  const [start, end] = [`<!-- diagram: ${name} -->`, '<!-- end of diagram -->'];
  const from = page.indexOf(start);
  const to = page.indexOf(end, from);
  if (from < 0 || to < 0) throw new Error(`docs/${file} has no place for the diagram: ${start} … ${end}`);
  return `${page.slice(0, from)}${start}\n${toMermaid(table)}\n${page.slice(to)}`;
}

/** `npm run docs` writes the diagrams; test/tidy.test.ts finds one that is older than its table. */
function main(): void {
  for (const diagram of diagrams) {
    const path = join(import.meta.dirname, diagram.file);
    writeFileSync(path, withDiagram(readFileSync(path, 'utf8'), diagram));
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) main();
