import { workflowInfo } from '@temporalio/workflow';
import { read } from './gate.ts';
import { quick, reading } from './proxies.ts';
import type { Ending, Run } from './run.ts';

/** Preflight phase: every host is read, every finding is told at once, and nothing is touched if one of them is an error. */
export async function preflight(run: Run): Promise<Ending | 'failed'> {
  // Of a run that goes on for another, something is touched already: the upgrader itself.
  run.enter('running', run.input.carried === undefined ? 'preflight' : 'self-upgrade');
  const { fleet, upgrade, reference, digest, policy, tree } = run.input;
  const { runId, startTime } = workflowInfo();
  const claim = { fleet, upgrade, run: runId, startedAt: startTime.getTime() };
  const claimed = await read(run, 'claiming the epoch', async () => quick.claimEpoch(claim));
  if (claimed === null) return run.wishes.ending ?? 'abort';
  run.epoch = claimed.epoch;

  const summary = `read every host of ${fleet}`;
  const input = { fleet, upgrade, reference, digest, policy, tree };
  const plan = await read(run, 'preflight', async () => reading.preflight.executeWithOptions({ summary }, [input]));
  if (plan === null) return run.wishes.ending ?? 'abort';
  run.setPlan(plan);
  const errors = plan.findings.filter((finding) => finding.severity === 'error');
  if (errors.length > 0) {
    run.error = `preflight found ${errors.length} ${errors.length === 1 ? 'error' : 'errors'}; no host was touched`;
    return 'failed';
  }
  accepted(run);
  for (const index of run.hops.keys()) {
    run.at = index;
    const ending = await loadHop(run);
    if (ending !== 'go') return ending;
  }
  run.at = 0;
  return 'go';
}

/** Whoever accepted a risk by its name stands in the record. */
function accepted(run: Run): void {
  for (const { planned, to } of run.hops) {
    for (const { name, reason } of planned.risks) {
      run.decide({ rule: `risk ${name}`, decision: `accept it for ${to}`, because: reason, by: run.input.requestedBy });
    }
  }
}

/** Brings the hop's hosts and services from the bus, page by page. */
async function loadHop(run: Run): Promise<Ending> {
  const { hop } = run;
  const { fleet, upgrade, planDigest } = run.hopInput();
  for (const wave of [...hop.waves.map(({ name }) => name), null]) {
    for (let offset = 0, total = 1; offset < total;) {
      const page = { fleet, upgrade, planDigest, wave, offset };
      const loaded = await read(run, 'reading the plan', async () => quick.loadWave(page));
      if (loaded === null) return run.wishes.ending ?? 'abort';
      for (const host of loaded.hosts) hop.add(host, wave, wave === null ? 'alreadyThere' : 'pending');
      total = loaded.total;
      offset += Math.max(1, loaded.hosts.length);
    }
  }
  return loadServices(run);
}

/** A hop without services costs no look at the plan. */
async function loadServices(run: Run): Promise<Ending> {
  if (!(run.hop.planned.services > 0)) return 'go';
  const { fleet, upgrade, planDigest } = run.hopInput();
  const place = { fleet, upgrade, planDigest };
  const loaded = await read(run, 'reading the plan', async () => quick.loadServices(place));
  if (loaded === null) return run.wishes.ending ?? 'abort';
  run.hop.services.add(loaded.services);
  return 'go';
}
