import { join } from 'node:path';
import { InvariantError } from '../../model/assert.ts';
import type { ContainerEngine } from '../../model/engine.ts';
import type { HostStep } from '../host-work.ts';
import type { Places } from '../places.ts';
import type { HostSteps, StepPlace } from '../ports.ts';
import { containerKind } from './container.ts';
import { questionOf } from './edited-file.ts';
import { filesKind } from './files.ts';
import type { StepKind, StepSite } from './kind.ts';
import { memberKind } from './member.ts';
import { packagesKind } from './packages.ts';
import { runKind } from './run.ts';
import { unitKind } from './unit.ts';

/** The steps of a release on a real host. */
export function createHostSteps(places: Places, engine: ContainerEngine): HostSteps {
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
      case 'reboot':
        throw new InvariantError('a reboot is the core’s own step');
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
    probe: (step, place) =>
      step.type === 'reboot'
        ? Promise.resolve({ ok: true, evidence: 'a reboot needs nothing that could be looked at before' })
        : on(step, (kind, typed) => kind.probe(typed, siteOf(place))),
  };
}

type Call<Result> = <Kind extends HostStep>(kind: StepKind<Kind>, step: Kind) => Promise<Result>;

/** A file of the release on the host's disk. */
export const releaseFile = (site: StepSite, path: string): string => join(site.releaseFolder, path);
