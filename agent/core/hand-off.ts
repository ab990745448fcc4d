import { busKeys, type Baton } from '../../model/bus.ts';
import { encodeBusValue } from '../../drivers/bus-values.ts';
import type { AgentContext } from './context.ts';
import { reportOf } from './report.ts';
import type { Work } from './state.ts';

/** Pause before the baton is looked at again, when it could not be handed on; ms. */
const RETRY_MS = 200;

/**
 * Hands the baton to the next host of the chain, together with the report that says why.
 * A compare on the baton's revision makes it once; a lost answer is settled by reading who holds it.
 */
export async function handOff(context: AgentContext, work: Work): Promise<void> {
  const { view, ports, identity, ledger, bootId } = context;
  const keys = busKeys(identity.fleet);
  const { baton: held, chain } = view;
  const next = held === null ? null : nextBaton(held.baton, chain);
  const report = reportOf(ledger.state, { agent: identity.version, bootId });
  if (held !== null && next !== null && report !== null) {
    const key = keys.baton(work.order.upgrade);
    const written = await ports.bus.write({
      conditions: [{ key, revision: held.revision }],
      puts: [
        { key, value: encodeBusValue(next) },
        { key: keys.report(identity.host), value: encodeBusValue(report) },
      ],
    });
    if (written.outcome === 'ok') {
      ports.log('baton handed on', { upgrade: work.order.upgrade, holder: next.holder, position: next.position });
      view.replaceBaton(held, { baton: next, revision: written.revision });
      return;
    }
  }
  await ports.clock.sleep(RETRY_MS);
  try {
    await view.rereadBaton(work.order.upgrade);
  } catch (error) {
    ports.log('baton not read', { error: String(error) });
  }
}

/** null: the chain is not the baton's, so who is next can't be said. */
function nextBaton(
  baton: Baton,
  chain: { epoch: number; hosts: readonly (Baton['holder'] & string)[] } | null,
): Baton | null {
  if (chain?.epoch !== baton.epoch || chain.hosts[baton.position] !== baton.holder) return null;
  const position = baton.position + 1;
  return { v: 1, epoch: baton.epoch, position, holder: chain.hosts[position] ?? null };
}
