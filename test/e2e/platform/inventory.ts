import { onHost } from './refit.ts';

/** What must be the same again after a roll back, as one text to compare: packages, files, units, containers. */
export async function inventory(host: string): Promise<string> {
  const parts = await Promise.all(
    questions.map(async ([name, script]) => `# ${name}\n${await onHost(host, ['sh', '-c', script])}`),
  );
  return parts.join('\n');
}

/** Folders that upgrades change; refit's own folder and what a boot renews are left out. */
const FOLDERS = '/etc /opt /srv /usr/bin /usr/sbin /usr/lib/systemd /usr/share /var/spool /root';
/** All plain files. A process for each of their thousands would take a quarter of a minute a host: many go to one. */
const FILES = `${FOLDERS} -xdev \\( -path /etc/systemd/system/refit-agent.service -o -path '*/refit-agent*' \\) -prune -o -type f`;
const CONTAINER =
  '{{.Name}} {{.Id}} {{.Image}} {{.State.Status}} {{.HostConfig.RestartPolicy.Name}} {{json .Config.Labels}} {{json .HostConfig.Binds}} {{json .HostConfig.PortBindings}}';

const questions: readonly (readonly [string, string])[] = [
  ['packages', "dpkg-query -W -f='${Package} ${Version} ${Status}\\n' | sort"],
  ['files', `find ${FILES} -printf '%p %m %u %g\\n' | sort; find ${FILES} -exec sha256sum {} + | sort -k 2`],
  ['links', `find ${FOLDERS} -xdev -type l -printf '%p -> %l\\n' | grep -v refit-agent | sort`],
  ['units', "systemctl list-unit-files --no-legend --plain | awk '{print $1, $2}' | grep -v refit-agent | sort"],
  [
    'active services',
    "systemctl list-units --type=service --state=active --no-legend --plain | awk '{print $1, $3}' | grep -v refit-agent | sort",
  ],
  ['containers', `ids=$(docker ps -aq); test -z "$ids" || docker inspect -f '${CONTAINER}' $ids | sort`],
];
