import { call, findProgram, type Say } from './programs.ts';

/** Longest the package lists or a set of packages may take to arrive over a slow line. */
const INSTALL_DEADLINE_MS = 15 * 60_000;

/** Programs that the lab needs on the machine, and Debian's package of each. */
const packageOf = {
  dockerd: 'docker.io',
  docker: 'docker-cli',
  containerd: 'containerd',
  iptables: 'iptables',
  ip: 'iproute2',
  debootstrap: 'debootstrap',
  openssl: 'openssl',
} as const;

export type NeededProgram = keyof typeof packageOf;

/** Installs what is missing of the programs, or says what a person has to install. */
export async function needPrograms(programs: readonly NeededProgram[], say: Say): Promise<void> {
  const missing = await missingOf(programs);
  if (missing.length === 0) return;
  // Debian 12's docker.io brings the command line tool itself; later releases have it in a package of its own.
  const first = missing.filter((program) => program !== 'docker' || !missing.includes('dockerd'));
  await install(first, say);
  const left = await missingOf(programs);
  if (left.length > 0) await install(left, say);
}

async function missingOf(programs: readonly NeededProgram[]): Promise<readonly NeededProgram[]> {
  const found = await Promise.all(programs.map(findProgram));
  return programs.filter((_, index) => found[index] === undefined);
}

async function install(programs: readonly NeededProgram[], say: Say): Promise<void> {
  const packages = programs.map((program) => packageOf[program]);
  if ((await findProgram('apt-get')) === undefined || process.getuid?.() !== 0) {
    throw new Error(`the lab needs ${programs.join(', ')}; install ${packages.join(', ')} as root and run this again`);
  }
  say(`installing ${packages.join(', ')} (about 30 s)`);
  const options = { deadlineMs: INSTALL_DEADLINE_MS, env: { DEBIAN_FRONTEND: 'noninteractive' } };
  await call('apt-get', ['update', '-q'], options);
  await call('apt-get', ['install', '-q', '-y', '--no-install-recommends', ...packages], options);
}
