import { readFileSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import type { z } from 'zod';
import { findFleetFile, nearestFleetFile } from '../../drivers/fleet-file.ts';
import { DocumentProblems, parseYaml, schemaProblems } from '../../drivers/yaml-document.ts';
import type { CertificateRole } from './certificates.ts';
import { ApiFile, parseListen, type Listen } from './config-file.ts';
import { defaultLimits, type Limits } from './limits.ts';
import type { OidcConfig } from './oidc.ts';

/** What an API is told; paths are absolute. */
export type ApiConfig = {
  readonly listen: Listen;
  readonly fleetFiles: readonly string[];
  readonly tokensFile: string;
  readonly auditFile: string;
  readonly oidc: OidcConfig | null;
  readonly tls: TlsConfig | null;
  readonly limits: Limits;
  readonly trustedProxies: readonly string[];
};

export type TlsConfig = {
  readonly certFile: string;
  readonly keyFile: string;
  /** Of client certificates; null: none are asked for. */
  readonly clientCaFile: string | null;
  readonly certificates: readonly CertificateRole[];
};

/** A configuration that is missing or wrong, with all its faults. */
export class ApiConfigProblems extends DocumentProblems {
  override readonly name = 'ApiConfigProblems';
}

/** What was typed; each is absent unless it was. */
export type Typed = { readonly config?: string | undefined; readonly listen?: string | undefined };

type File = z.output<typeof ApiFile>;

/** Only this machine is let in, until somebody says otherwise. */
const DEFAULT_LISTEN = '127.0.0.1:7280';
const LOOPBACK = /^(127\.\d+\.\d+\.\d+|::1|localhost)$/;
const OPEN_PLAIN =
  'tokens would cross the network in the clear; add tls with certFile and keyFile, listen on 127.0.0.1, or say tls: none where something in front has it';

/** What was typed goes before variables, these before the file, and all before defaults. A file's paths are relative to its folder. */
export function loadApiConfig(typed: Typed = {}, env: NodeJS.ProcessEnv = process.env): ApiConfig {
  const { file, at, name } = readConfig(typed.config ?? set(env, 'REFIT_API_CONFIG'));
  const isPlain = file.tls === 'none' || set(env, 'REFIT_API_TLS') === 'none';
  const tls = file.tls === undefined || isPlain || file.tls === 'none' ? null : toTls(file.tls, at);
  const listen = parseListen(typed.listen ?? set(env, 'REFIT_API_LISTEN') ?? file.listen ?? DEFAULT_LISTEN);
  if (listen === null) throw new ApiConfigProblems('--listen', ['1:1: expected an address such as 127.0.0.1:7280']);
  if (tls === null && !isPlain && !LOOPBACK.test(listen.host))
    throw new ApiConfigProblems(name, [`1:1: listen: ${OPEN_PLAIN}`]);
  return {
    ...{ listen, tls, ...apiFiles(typed, env) },
    fleetFiles: file.fleets === undefined ? [findFleetFile(env)] : file.fleets.map(at),
    oidc: file.oidc ?? null,
    limits: toLimits(file.limits),
    trustedProxies: file.trustedProxies,
  };
}

/** Where an API's tokens and records are; asked for without an API, too. */
export function apiFiles(
  typed: Typed,
  env: NodeJS.ProcessEnv = process.env,
): Pick<ApiConfig, 'tokensFile' | 'auditFile'> {
  const { file, at } = readConfig(typed.config ?? set(env, 'REFIT_API_CONFIG'));
  const folder = ownFolder(env);
  const place = (variable: string, named: string | undefined, usual: string): string => {
    const told = set(env, variable);
    if (told !== undefined) return resolve(told);
    return named === undefined ? join(folder, usual) : at(named);
  };
  return {
    tokensFile: place('REFIT_API_TOKENS_FILE', file.tokensFile, 'tokens.json'),
    auditFile: place('REFIT_API_AUDIT_FILE', file.auditFile, 'audit.jsonl'),
  };
}

/** An empty variable says nothing. */
const set = (env: NodeJS.ProcessEnv, name: string): string | undefined => (env[name] ?? '') || undefined;

type Read = { readonly file: File; readonly name: string; readonly at: (path: string) => string };

function readConfig(named: string | undefined): Read {
  if (named === undefined) return { file: ApiFile.parse({}), name: 'refit api', at: (path) => resolve(path) };
  const name = resolve(named);
  const document = parseYaml(readText(name));
  if (document.faults.length > 0) throw new ApiConfigProblems(name, document.faults);
  const parsed = ApiFile.safeParse(document.value ?? {});
  if (parsed.success) return { file: parsed.data, name, at: (path) => resolve(dirname(name), path) };
  throw new ApiConfigProblems(name, schemaProblems(parsed.error.issues, document.value).map(document.describe));
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause);
    throw new ApiConfigProblems(file, [`1:1: expected the configuration of an API, got ${code}`]);
  }
}

/** Beside the fleet file where that is in a folder of refit's, else below the working folder. */
function ownFolder(env: NodeJS.ProcessEnv): string {
  const fleetFile = nearestFleetFile(env);
  const folder = fleetFile === null ? '' : dirname(fleetFile);
  return join(basename(folder) === '.refit' ? folder : resolve('.refit'), 'api');
}

const toTls = (tls: Exclude<File['tls'], 'none' | undefined>, at: Read['at']): TlsConfig => ({
  certFile: at(tls.certFile),
  keyFile: at(tls.keyFile),
  clientCaFile: tls.clientCaFile === undefined ? null : at(tls.clientCaFile),
  certificates: tls.certificates,
});

const toLimits = ({ requestsPerMinute, changesPerMinute, bodyBytes }: File['limits']): Limits => ({
  requestsPerMinute: requestsPerMinute ?? defaultLimits.requestsPerMinute,
  changesPerMinute: changesPerMinute ?? defaultLimits.changesPerMinute,
  bodyBytes: bodyBytes ?? defaultLimits.bodyBytes,
});
