import { z } from 'zod';
import { webMembers } from '../haproxy-config.ts';
import { get } from '../http.ts';
import type { Lab } from '../lab.ts';

/** What one host says of itself, asked by other means than refit's. */
export type Measured = {
  readonly host: string;
  /** As the daemon answers over HTTP; null: no answer. */
  readonly daemon: string | null;
  readonly cli: string | null;
  /** As the name server in its container answers. */
  readonly dns: string | null;
  /** Digest of the configuration file, shortened. */
  readonly configuration: string | null;
  /** Changes with every restart of the host. */
  readonly boot: string | null;
  /** Versions that its web servers answer with; one that gives no answer is left out. */
  readonly web: readonly string[];
  /** Lines that the step `once` has left. */
  readonly once: readonly string[];
};

export type DemoHost = { readonly name: string; readonly httpPort: number };

/** Prints `name=value` lines; what a host does not have stays empty. */
const QUESTIONS = `
echo "cli=$(dpkg-query -W -f='\${Version}' sample-cli 2> /dev/null)"
echo "daemon=$(dpkg-query -W -f='\${Version}' sample-daemon 2> /dev/null)"
echo "dns=$(dig +short +time=1 +tries=2 @127.0.0.1 -p 5353 TXT version.sample. 2> /dev/null | grep '^"' | tr -d '"')"
echo "configuration=$(sha256sum /etc/sample/platform.conf 2> /dev/null | cut -c 1-8)"
echo "boot=$(stat -c %Z /proc/1)"
echo "web=$(for port in ${webMembers.map(({ port }) => port).join(' ')}; do curl -s -m 2 http://127.0.0.1:$port/; done | grep -o '"version":"[^"]*' | cut -d '"' -f 4 | tr '\\n' ';')"
echo "once=$(tr '\\n' ';' < /var/log/sample-once.log 2> /dev/null)"
`;

const answersSchema = z.object({
  cli: z.string(),
  daemon: z.string(),
  dns: z.string(),
  configuration: z.string(),
  boot: z.string(),
  web: z.string(),
  once: z.string(),
});

/** Asks the host's package database, its daemon and its name server. */
export async function measure(lab: Lab, { name, httpPort }: DemoHost): Promise<Measured> {
  const { exitCode, stdout, stderr } = await lab.exec(name, ['sh', '-c', `exec 2>&1\n${QUESTIONS}\ntrue`]);
  if (exitCode !== 0) throw new Error(`${name} could not be asked for its versions: ${stderr}`);
  const answers = answersSchema.parse(
    Object.fromEntries(stdout.split('\n').flatMap((line) => (line.includes('=') ? [cut(line)] : []))),
  );
  const health = await get(`http://127.0.0.1:${httpPort}/health`).catch(() => null);
  const running = /^ok (\S+)/.exec(health?.body ?? '')?.[1] ?? null;
  return {
    host: name,
    // A daemon that runs one version while the package is another has not been upgraded.
    daemon: running === answers.daemon ? running : null,
    cli: answers.cli || null,
    dns: answers.dns || null,
    configuration: answers.configuration || null,
    boot: answers.boot || null,
    web: list(answers.web),
    once: list(answers.once),
  };
}

/** The version that everything on the host agrees on; null if they differ or nothing is there. */
export function versionOf({ daemon, cli, dns }: Measured): string | null {
  return daemon !== null && daemon === cli && daemon === dns ? daemon : null;
}

const list = (text: string): readonly string[] => text.split(';').filter((item) => item !== '');

function cut(line: string): readonly [string, string] {
  const at = line.indexOf('=');
  return [line.slice(0, at), line.slice(at + 1)];
}
