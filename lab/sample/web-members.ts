import { WEB, webMembers } from '../haproxy-config.ts';
import type { Lab } from '../lab.ts';
import { SERVICE_LABEL } from '../../model/service.ts';

/** The image comes from the lab's own registry; ms. */
const PULL_MS = 120_000;

/** What somebody does by hand before there is refit: two web servers a host, published where the load balancer looks. */
export async function startWebMembers(
  lab: Pick<Lab, 'exec'>,
  host: string,
  { image, env = () => [] }: { readonly image: string; readonly env?: (container: string) => readonly string[] },
): Promise<void> {
  await docker(lab, host, ['pull', '--quiet', image]);
  for (const { container, port } of webMembers) {
    const identity = ['--name', container, '--label', `${SERVICE_LABEL}=${WEB}`, '--restart', 'unless-stopped'];
    const set = env(container).flatMap((one) => ['--env', one]);
    await docker(lab, host, ['run', '--detach', ...identity, '--publish', `${port}:8080`, ...set, image]);
  }
}

/** Names of those that the host has, running or not. */
export async function findWebMembers(lab: Pick<Lab, 'exec'>, host: string): Promise<readonly string[]> {
  const filter = ['--filter', `label=${SERVICE_LABEL}=${WEB}`];
  return (await docker(lab, host, ['ps', '--all', ...filter, '--format', '{{.Names}}'])).split('\n').filter(Boolean);
}

async function docker(lab: Pick<Lab, 'exec'>, host: string, args: readonly string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await lab.exec(host, ['docker', ...args], { deadlineMs: PULL_MS });
  if (exitCode !== 0) throw new Error(`docker ${args[0] ?? ''} on ${host}: ${stderr || stdout}`);
  return stdout;
}
