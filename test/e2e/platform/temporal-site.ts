import { readFile, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { connectTemporal } from '../../../client/connection.ts';
import { loadFleet } from '../../../drivers/fleet-file.ts';
import type { Detached } from '../../../lab/detached.ts';
import { writeFleetFile } from '../../../lab/fleet-file.ts';
import { checkout } from '../../../lab/paths.ts';
import { WORKER_STARTED } from '../../../lab/worker.ts';
import { eventually } from '../../eventually.ts';
import { startPostgres } from '../../parts/postgres-server.ts';
import { startPart, type Part } from '../../parts/process.ts';
import { SERVER_NAME, startTemporalServer, type TemporalServer } from '../../parts/temporal-server.ts';
import { lab } from './refit.ts';

/** The lab's fleet on a Temporal server of its own on PostgreSQL, in the namespace `site-a`; nobody but this test's workers is there. */
export type TemporalSite = {
  readonly server: TemporalServer;
  /** As whom the neighbours in `site-b` come, whose fleet has the same name: what Temporal's own variables say for them. */
  readonly neighbours: Readonly<Record<string, string>>;
  readonly close: () => Promise<void>;
};

const OWN = 'site-a';
const OTHER = 'site-b';

/** It bundles its workflows first, if no other has; ms. */
const WORKER_WITHIN_MS = 90_000;

export async function openSite(): Promise<TemporalSite> {
  const postgres = await startPostgres({ name: lab.name, folder: lab.paths.folder });
  try {
    const server = await startTemporalServer(postgres.port);
    const [own, other] = [await server.addNamespace(OWN), await server.addNamespace(OTHER)];
    await moveLab(server, own);
    const close = async (): Promise<void> => {
      await moveLabBack();
      await server.close();
      await postgres.close();
    };
    return { server, neighbours: await environment(server, OTHER, other), close };
  } catch (error) {
    await postgres.close();
    throw error;
  }
}

/** A worker of the neighbours' on the fleet file of the lab; it takes work when this returns. */
export async function startNeighbour({ neighbours }: TemporalSite): Promise<Part> {
  const logFile = join(lab.paths.folder, 'neighbour.log');
  const args = ['--import', 'tsx', join(checkout, 'worker', 'main.ts')];
  const env = { ...neighbours, REFIT_FLEET: lab.paths.fleetFile };
  const part = startPart({ program: process.execPath, args, logFile, env });
  await eventually(() => part.hasEnded() || part.tail().includes(WORKER_STARTED), { withinMs: WORKER_WITHIN_MS });
  if (part.hasEnded()) throw new Error(`the neighbours' worker has ended: ${part.tail()}`);
  return part;
}

/** Who has worked on the lab's upgrades, by what Temporal recorded of all its runs. */
export async function whoWorked(): Promise<ReadonlySet<string>> {
  const { client, close } = await connectTemporal(loadFleet(lab.paths.fleetFile));
  const names = new Set<string>();
  for await (const { workflowId, runId } of client.workflow.list()) {
    const { events } = await client.workflow.getHandle(workflowId, runId).fetchHistory();
    for (const { workflowTaskStartedEventAttributes, activityTaskStartedEventAttributes } of events ?? []) {
      const name = workflowTaskStartedEventAttributes?.identity ?? activityTaskStartedEventAttributes?.identity;
      if (name != null) names.add(name);
    }
  }
  await close();
  return names;
}

/** As Temporal knows it. */
export const nameOf = ({ pid }: Pick<Detached, 'pid'>): string => `${hostname()}:${pid}`;

/** What Temporal's own tools take as well. */
async function environment(
  { address, tls }: TemporalServer,
  namespace: string,
  tokenFile: string,
): Promise<Readonly<Record<string, string>>> {
  return {
    TEMPORAL_ADDRESS: address,
    TEMPORAL_NAMESPACE: namespace,
    TEMPORAL_TLS_SERVER_NAME: SERVER_NAME,
    TEMPORAL_TLS_SERVER_CA_CERT_PATH: tls.caFile,
    TEMPORAL_TLS_CLIENT_CERT_PATH: tls.certFile,
    TEMPORAL_TLS_CLIENT_KEY_PATH: tls.keyFile,
    TEMPORAL_API_KEY: (await readFile(tokenFile, 'utf8')).trim(),
  };
}

/** From now on workers and commands of the lab go there. The worker that it has stays where it is. */
async function moveLab({ address, tls }: TemporalServer, tokenFile: string): Promise<void> {
  const text = await readFile(lab.paths.fleetFile, 'utf8');
  const place = { address, namespace: OWN, ...tls, serverName: SERVER_NAME, apiKeyFile: tokenFile };
  const lines = text
    .split('\n')
    .map((line) => (line.startsWith('temporal:') ? `temporal: ${JSON.stringify(place)}` : line));
  await writeFile(lab.paths.fleetFile, lines.join('\n'));
}

async function moveLabBack(): Promise<void> {
  const state = await lab.state();
  if (state !== undefined) await writeFleetFile(lab.paths, state);
}
