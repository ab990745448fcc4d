import { access, constants } from 'node:fs/promises';

/** kvm: the processor's own virtual machines · tcg: emulation, some twenty times as slow. */
export type Accelerator = 'kvm' | 'tcg';

/** A device that opens proves nothing: where these modules are not, it can't run stock kernels. */
const MODULES = ['/sys/module/kvm_intel', '/sys/module/kvm_amd'];
const DEVICE = '/dev/kvm';

export async function chooseAccelerator(isThere: (path: string) => Promise<boolean> = canUse): Promise<Accelerator> {
  const modules = await Promise.all(MODULES.map(isThere));
  return modules.includes(true) && (await isThere(DEVICE)) ? 'kvm' : 'tcg';
}

const canUse = (path: string): Promise<boolean> =>
  access(path, path === DEVICE ? constants.R_OK | constants.W_OK : constants.R_OK).then(
    () => true,
    () => false,
  );
