import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { call, findProgram, type Say } from './programs.ts';

/** The newest Go that Debian 12 has; it fetches the newer one that a program asks for by itself. */
const PACKAGES = ['golang-1.23-go', 'golang-1.23-src'];

const ROOT = 'usr/lib/go-1.23';

/** The release whose backports have it. */
const RELEASE = 'bookworm';

/** Longest the 45 MB of packages may take over a slow line. */
const FETCH_DEADLINE_MS = 10 * 60_000;

export type Go = { readonly program: string; readonly env: Readonly<Record<string, string>> };

/** Go, as it is on the machine; else Debian's, unpacked in the folder for this one use, without a trace on the machine. */
export async function borrowGo(folder: string, say: Say): Promise<Go> {
  const program = await findProgram('go');
  if (program !== undefined) return { program, env: {} };
  if ((await findProgram('apt-get')) === undefined) throw new Error('there is neither Go nor apt-get on this machine');
  say("fetching Debian's Go for that (about 20 s)");
  await fetchPackages(folder);
  const root = join(folder, ROOT);
  const places = { GOROOT: root, GOPATH: join(folder, 'path'), GOCACHE: join(folder, 'cache'), GOFLAGS: '-modcacherw' };
  return { program: join(root, 'bin/go'), env: { ...places, GOTOOLCHAIN: 'auto', CGO_ENABLED: '0' } };
}

async function fetchPackages(folder: string): Promise<void> {
  const lists = join(folder, 'lists');
  await mkdir(join(lists, 'partial'), { recursive: true });
  await writeFile(join(folder, 'sources.list'), await backports());
  const options = [
    ...['-o', `Dir::Etc::SourceList=${join(folder, 'sources.list')}`, '-o', 'Dir::Etc::SourceParts=/dev/null'],
    ...['-o', `Dir::State::Lists=${lists}`, '-o', 'APT::Sandbox::User=root'],
  ];
  await call('apt-get', [...options, '-q', 'update'], { deadlineMs: FETCH_DEADLINE_MS });
  await call('apt-get', [...options, '-q', 'download', ...PACKAGES], { cwd: folder, deadlineMs: FETCH_DEADLINE_MS });
  const archives = (await readdir(folder)).filter((name) => name.endsWith('.deb'));
  for (const archive of archives) await call('dpkg', ['--extract', join(folder, archive), folder]);
}

/** From the mirror that this machine takes Debian from. */
async function backports(): Promise<string> {
  const format = '$(RELEASE) $(SITE)';
  const targets = await call('apt-get', ['indextargets', '--format', format], { deadlineMs: FETCH_DEADLINE_MS });
  const line = targets.split('\n').find((target) => target.startsWith(`${RELEASE} `));
  if (line === undefined) throw new Error(`apt knows no mirror of Debian ${RELEASE}; install Go 1.23 or newer by hand`);
  const site = line.slice(RELEASE.length + 1);
  return `deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] ${site} ${RELEASE}-backports main\n`;
}
