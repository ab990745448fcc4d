import { workflowInfo } from '@temporalio/workflow';
import { read } from './gate.ts';
import { quick, reading } from './proxies.ts';
import type { Ending, Run } from './run.ts';

/** Preflight phase: every host is read, every finding is told at once, and nothing is touched if one of them is an error. */
export async function preflight(run: Run): Promise<Ending | 'failed'> {
  run.enter('running', 'preflight');
  const { fleet, upgrade, reference, digest, policy } = run.input;
  const { runId, startTime } = workflowInfo();
  const claim = { fleet, upgrade, run: runId, startedAt: startTime.getTime() };
  const claimed = await read(run, 'claiming the epoch', async () => quick.claimEpoch(claim));
  if (claimed === null) return run.wishes.ending ?? 'abort';
  run.epoch = claimed.epoch;

  const summary = `read every host of ${fleet}`;
  const input = { fleet, upgrade, reference, digest, policy };
  const plan = await read(run, 'preflight', async () => reading.preflight.executeWithOptions({ summary }, [input]));
  if (plan === null) return run.wishes.ending ?? 'abort';
  run.setPlan(plan);
  const errors = plan.findings.filter((finding) => finding.severity === 'error');
  if (errors.length > 0) {
    run.error = `preflight found ${errors.length} ${errors.length === 1 ? 'error' : 'errors'}; no host was touched`;
    return 'failed';
  }
  const ending = await loadHosts(run);
  return ending === 'go' ? loadServices(run) : ending;
}

/** Brings the plan's hosts from the bus, page by page. */
async function loadHosts(run: Run): Promise<Ending> {
  const waves = [...run.waves.map(({ name }) => name), null];
  for (const wave of waves) {
    for (let offset = 0, total = 1; offset < total;) {
      const { fleet, upgrade } = run.input;
      const page = { fleet, upgrade, planDigest: run.planned().planDigest, wave, offset };
      const loaded = await read(run, 'reading the plan', async () => quick.loadWave(page));
      if (loaded === null) return run.wishes.ending ?? 'abort';
      for (const host of loaded.hosts) run.add(host, wave, wave === null ? 'alreadyThere' : 'pending');
      total = loaded.total;
      offset += Math.max(1, loaded.hosts.length);
    }
  }
  return 'go';
}

/** A release without services costs no look at the plan. */
async function loadServices(run: Run): Promise<Ending> {
  const { services, planDigest } = run.planned();
  if (!(services > 0)) return 'go';
  const { fleet, upgrade } = run.input;
  const place = { fleet, upgrade, planDigest };
  const loaded = await read(run, 'reading the plan', async () => quick.loadServices(place));
  if (loaded === null) return run.wishes.ending ?? 'abort';
  run.services.add(loaded.services);
  return 'go';
}
