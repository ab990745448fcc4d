import { openLab } from '../../lab/lab.ts';

/** Waves of 1 and 2 leave one host over, and an etcd of three members leaves one host without. */
const HOSTS = 4;

const say = (line: string): void => {
  process.stderr.write(`lab of the tests: ${line}\n`);
};

/**
 * Brings up the lab `test` for the end-to-end tests and takes it down afterwards.
 * A lab that an earlier run left in some state is replaced, unless REFIT_KEEP_LAB asks to keep it.
 */
export async function setup(): Promise<() => Promise<void>> {
  const lab = openLab('test');
  const isKept = process.env['REFIT_KEEP_LAB'] === '1';
  if (!isKept && (await lab.state()) !== undefined) await lab.down(say);
  const up = await lab.up({ hosts: HOSTS, say });
  if (up.kind === 'refused') throw new Error(up.reason);
  return async () => {
    if (!isKept) await lab.down(say);
  };
}
