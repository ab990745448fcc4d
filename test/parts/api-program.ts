import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import openapiTypes, { astToString } from 'openapi-typescript';
import ts from 'typescript';

/**
 * What somebody would write who has nothing but the API's document: it upgrades a fleet wave by wave, approves the first,
 * takes all back at the second, and prints each state that it saw.
 */
export const UPGRADE_PROGRAM = `
import { readFileSync } from 'node:fs';
import createClient from 'openapi-fetch';
import type { components, paths } from './api.ts';

type Upgrade = components['schemas']['Upgrade'];
type Command = components['schemas']['UpgradeCommand'];

const [baseUrl = '', tokenFile = '', fleet = '', reference = ''] = process.argv.slice(2);
const authorization = \`Bearer \${readFileSync(tokenFile, 'utf8').trim()}\`;
const api = createClient<paths>({ baseUrl, headers: { authorization } });

const upgrade = await start();
let isApproved = false;
for await (const { state, waiting } of follow()) {
  console.log(state);
  const step = waiting.map(({ movedOnBy }) => / approve \\S+ (\\S+)/.exec(movedOnBy)?.[1]).find((found) => found !== undefined);
  if (state !== 'waiting' || step === undefined) continue;
  await command(isApproved ? { command: 'rollback', reason: 'only tried' } : { command: 'approve', step });
  isApproved = true;
}

async function start(): Promise<string> {
  const { data, error } = await api.POST('/v1/fleets/{fleet}/upgrades', {
    params: { path: { fleet }, header: { 'idempotency-key': crypto.randomUUID() } },
    body: { reference, policy: { step: true, install: { strategy: 'waves', sizes: [{ hosts: 1 }], maxUnavailable: null } } },
  });
  if (error !== undefined) throw new Error(error.detail);
  return data.id;
}

async function command(body: Command): Promise<void> {
  const { error } = await api.POST('/v1/fleets/{fleet}/upgrades/{upgrade}/commands', {
    params: { path: { fleet, upgrade } },
    body,
  });
  if (error !== undefined) throw new Error(error.detail);
}

async function* follow(): AsyncGenerator<Upgrade> {
  const { data, error } = await api.GET('/v1/fleets/{fleet}/upgrades/{upgrade}/events', {
    params: { path: { fleet, upgrade } },
    parseAs: 'stream',
  });
  if (error !== undefined) throw new Error(error.detail);
  let text = '';
  for await (const piece of data?.pipeThrough(new TextDecoderStream()) ?? []) {
    const events = (text + piece).split('\\n\\n');
    text = events.pop() ?? '';
    for (const event of events) {
      const found = /^event: progress\\ndata: (.*)$/m.exec(event)?.[1];
      if (found !== undefined) yield JSON.parse(found);
    }
  }
}
`;

/** A program beside a client's types that were generated from an API's document. */
export type ApiProgram = AsyncDisposable & {
  readonly file: string;
  /** What the TypeScript compiler has against it; empty: nothing. */
  readonly faults: () => readonly string[];
};

/** `document`: as JSON. */
export async function writeApiProgram(document: string, program: string = UPGRADE_PROGRAM): Promise<ApiProgram> {
  const folder = await mkdtemp(join(tmpdir(), 'refit-api-program-'));
  const file = join(folder, 'program.ts');
  // A field that has a default may be left out of a request.
  const types = astToString(await openapiTypes(document, { defaultNonNullable: false }));
  await Promise.all([
    writeFile(join(folder, 'api.ts'), types),
    writeFile(file, program),
    writeFile(join(folder, 'package.json'), '{"type":"module"}'),
    symlink(resolve(import.meta.dirname, '../../node_modules'), join(folder, 'node_modules')),
  ]);
  return {
    file,
    faults: () => compile(file),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}

function compile(file: string): readonly string[] {
  const program = ts.createProgram([file], {
    ...{
      target: ts.ScriptTarget.ES2023,
      module: ts.ModuleKind.NodeNext,
      moduleResolution: ts.ModuleResolutionKind.NodeNext,
    },
    ...{ strict: true, exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true, verbatimModuleSyntax: true },
    ...{ noEmit: true, allowImportingTsExtensions: true, skipLibCheck: true, types: ['node'] },
    typeRoots: [resolve(import.meta.dirname, '../../node_modules/@types')],
  });
  return ts.getPreEmitDiagnostics(program).map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'));
}
