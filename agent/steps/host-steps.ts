import { release } from 'node:os';
import { InvariantError } from '../../model/assert.ts';
import type { ContainerEngine, EngineDaemon } from '../../model/engine.ts';
import type { HostStep } from '../host-work.ts';
import type { Places } from '../places.ts';
import type { HostSteps, StepPlace } from '../ports.ts';
import { hostProbes } from '../probes.ts';
import { confirmKind } from './confirm.ts';
import { containerKind } from './container.ts';
import { questionOf } from './edited-file.ts';
import { engineKind } from './engine.ts';
import { filesKind } from './files.ts';
import { kernelKind } from './kernel.ts';
import type { StepKind, StepSite } from './kind.ts';
import { memberKind } from './member.ts';
import { packagesKind } from './packages.ts';
import { runKind } from './run.ts';
import { unitKind } from './unit.ts';

/** What steps that upgrade the host itself see of it. */
export type OwnHost = {
  readonly daemon: EngineDaemon;
  /** The kernel that runs, as `uname -r` says it. */
  readonly kernel: () => string;
};

const noDaemon = (): Promise<never> => Promise.reject(new InvariantError('an engine step needs the host’s own engine'));
const unknownHost: OwnHost = {
  daemon: { about: noDaemon, running: noDaemon, endOf: noDaemon, startContainer: noDaemon },
  kernel: release,
};

/** The steps of a release on a real host; without `own` none that upgrade its engine. */
export function createHostSteps(places: Places, engine: ContainerEngine, own: OwnHost = unknownHost): HostSteps {
  const kernel = kernelKind(own.kernel);
  const confirm = confirmKind(own.kernel, hostProbes);
  const ownEngine = engineKind(own.daemon);
  const container = containerKind(engine);
  const member = memberKind(engine);
  const siteOf = (place: StepPlace): StepSite => ({
    ...place,
    places,
    releaseFolder: places.release(place.release.digest),
    undoFolder: places.undoOf(place.journal, place.index),
  });
  const on = <Result>(step: HostStep, call: Call<Result>): Promise<Result> => {
    switch (step.type) {
      case 'files':
        return call(filesKind, step);
      case 'packages':
        return call(packagesKind, step);
      case 'unit':
        return call(unitKind, step);
      case 'run':
        return call(runKind, step);
      case 'container':
        return call(container, step);
      case 'member':
        return call(member, step);
      case 'kernel':
        return call(kernel, step);
      case 'confirm':
        return call(confirm, step);
      case 'engine':
        return call(ownEngine, step);
      case 'reboot':
      case 'boot':
        throw new InvariantError(`a ${step.type} is the core’s own step`);
    }
  };
  return {
    check: (step, place) => on(step, (kind, typed) => kind.check(typed, siteOf(place))),
    capture: (step, place) => on(step, (kind, typed) => kind.capture(typed, siteOf(place))),
    apply: (step, place) => on(step, (kind, typed) => kind.apply(typed, siteOf(place))),
    verify: (step, place) => on(step, (kind, typed) => kind.verify(typed, siteOf(place))),
    undo: (step, place) => on(step, (kind, typed) => kind.undo(typed, siteOf(place))),
    settle: (step, place) => on(step, (kind, typed) => kind.settle(typed, siteOf(place))),
    question: (step, place) => (step.type === 'files' ? questionOf(step, siteOf(place)) : Promise.resolve(null)),
    needsRestart: (step, place) =>
      on(step, (kind, typed) => kind.needsRestart?.(typed, siteOf(place)) ?? Promise.resolve(false)),
    probe: (step, place) =>
      step.type === 'reboot' || step.type === 'boot'
        ? Promise.resolve({ ok: true, evidence: 'a reboot needs nothing that could be looked at before' })
        : on(step, (kind, typed) => kind.probe(typed, siteOf(place))),
  };
}

type Call<Result> = <Kind extends HostStep>(kind: StepKind<Kind>, step: Kind) => Promise<Result>;
