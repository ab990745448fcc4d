import type { FleetId, HostId } from '../../model/ids.ts';
import type { AgentPorts } from '../ports.ts';
import type { BusView } from './bus-view.ts';
import type { Ledger } from './ledger.ts';
import type { Sender } from './sender.ts';

/** What one agent is: its name, and what `agent.ts` made for it. */
export type AgentIdentity = { readonly host: HostId; readonly fleet: FleetId; readonly version: string };

/** What the agent's loops share. */
export type AgentContext = {
  readonly identity: AgentIdentity;
  readonly ports: AgentPorts;
  readonly ledger: Ledger;
  readonly view: BusView;
  readonly sender: Sender;
  readonly bootId: string;
};
