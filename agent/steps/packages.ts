import type { PackagesStep } from '../../model/release.ts';
import {
  arePackagesThere,
  capturePackages,
  installPackages,
  probePackages,
  putPackagesBack,
  verifyPackages,
} from './debian-packages.ts';
import { nothingToSettle, type StepKind } from './kind.ts';

/** Debian packages, all of a step in one run of dpkg. */
export const packagesKind: StepKind<PackagesStep> = {
  check: (step, site) => arePackagesThere(step, site.before, site),
  capture: (step, site) => Promise.resolve(capturePackages(step, site)),
  apply: (step, site) => installPackages(step, site.before, site),
  verify: verifyPackages,
  undo: (_step, site) => putPackagesBack(site.before, site),
  settle: nothingToSettle,
  probe: probePackages,
};
