import { describe, notYet, ready, waitFor } from '../deadline.ts';
import { docker, tryDocker } from '../docker.ts';

/** In a machine's container: runs its arguments as a command on the machine. */
export const GUEST = '/usr/local/bin/guest';

/** Ten seconds from the template's memory, half a minute from the disk; three beside each other take three times that; ms. */
const ANSWER_DEADLINE_MS = 300_000;
/** Its engine starts anew with the certificates, which takes an emulated host seconds; ms. */
const BECOME_DEADLINE_MS = 300_000;

/** Where the configuration lies on its way into the machine. */
const CONFIG = '/config';

export type Machine = {
  readonly container: string;
  readonly host: string;
  /** A folder to lay over the machine's root. */
  readonly config: string;
};

/** Gives the machine its power, and makes it the host that it is to be: at first it is any host. */
export async function startMachine({ container, host, config }: Machine): Promise<void> {
  await docker(['cp', `${config}/.`, `${container}:${CONFIG}`]);
  await docker(['start', container]);
  const evidence = (): Promise<string> => docker(['logs', '--tail', '10', container]).catch(describe);
  await waitFor({ what: `${host} to answer`, deadlineMs: ANSWER_DEADLINE_MS, evidence }, async () => {
    const { exitCode, stderr } = await tryDocker(['exec', container, GUEST, 'true']);
    return exitCode === 0 ? ready(true) : notYet(stderr.trim() || 'it does not answer');
  });
  const lay = `tar -C ${CONFIG} -c . | ${GUEST} tar -C / --no-same-owner -x`;
  await docker(['exec', container, 'sh', '-c', lay]);
  const seconds = String(Math.round(Date.now() / 1_000));
  const become = [GUEST, '/usr/local/lib/lab/become', host, seconds];
  await docker(['exec', container, ...become], { deadlineMs: BECOME_DEADLINE_MS });
}
