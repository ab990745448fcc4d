import type { BalancedServer, ServerState } from '../../model/load-balancer.ts';

/** One server's fields, by the name in the answer's first line. */
export type Row = ReadonlyMap<string, string>;

/** Bits of `srv_admin_state`: forced, inherited from a tracked server, or since its name can't be resolved. */
const MAINTENANCE = 0x01 | 0x02 | 0x20;
/** Forced, or inherited. */
const DRAIN = 0x08 | 0x10;
/** Bit of `srv_check_state`: a check is configured. */
const CHECK_CONFIGURED = 0x02;
/** `srv_op_state` */
const OPERATION = { stopped: '0', starting: '1', running: '2' } as const;

/** `show servers state`: the version of the format, the fields' names after `# `, a line a server. null: something else. */
export function parseServersState(answer: string): readonly Row[] | null {
  const [version, header = '', ...lines] = answer.split('\n');
  if (version !== '1' || !header.startsWith('# ')) return null;
  return toRows(header.slice('# '.length).split(' '), lines, ' ');
}

/** `show stat`: the same with commas; none of the fields used here is ever quoted. */
export function parseStatistics(answer: string): readonly Row[] | null {
  const [header = '', ...lines] = answer.split('\n');
  return header.startsWith('# ') ? toRows(header.slice('# '.length).split(','), lines, ',') : null;
}

export function toServer(state: Row, statistics: Row): BalancedServer {
  return {
    name: field(state, 'srv_name'),
    state: stateOf(Number(field(state, 'srv_admin_state'))),
    health: healthOf(state, statistics),
    weight: Number(field(state, 'srv_uweight')),
    sessions: Number(field(statistics, 'scur')) + Number(field(statistics, 'qcur')),
    address: addressOf(field(state, 'srv_addr'), field(state, 'srv_port')),
  };
}

export const field = (row: Row, name: string): string => row.get(name) ?? '';

function stateOf(bits: number): ServerState {
  if ((bits & MAINTENANCE) !== 0) return 'maintenance';
  return (bits & DRAIN) === 0 ? 'ready' : 'drain';
}

function healthOf(state: Row, statistics: Row): BalancedServer['health'] {
  const operation = field(state, 'srv_op_state');
  const status = field(statistics, 'status');
  if (operation === OPERATION.starting || (operation === OPERATION.stopped && isCounting(status))) return 'starting';
  if (operation !== OPERATION.running) return 'down';
  const isChecked = (Number(field(state, 'srv_check_state')) & CHECK_CONFIGURED) !== 0;
  if (!isChecked) return field(statistics, 'tracked') === '' ? 'unchecked' : 'up';
  return isSeenUp(status, field(statistics, 'check_status')) ? 'up' : 'starting';
}

/** At its start and after maintenance a server counts as running before it was looked at: no check has failed, and yet it is not wholly up. */
function isSeenUp(status: string, lastCheck: string): boolean {
  if (/^(\* )?(INI|UNK|)$/.test(lastCheck)) return false;
  return !(isCounting(status) && /^(\* )?L\dOKC?$/.test(lastCheck));
}

/** Such as `UP 1/3`: on its way up or down, so many checks of so many. */
const isCounting = (status: string): boolean => /^\w+ \d+\/\d+$/.test(status);

const addressOf = (address: string, port: string): string =>
  address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;

function toRows(names: readonly string[], lines: readonly string[], separator: string): readonly Row[] {
  return lines
    .filter((line) => line !== '')
    .map((line) => {
      const values = line.split(separator);
      return new Map(names.map((name, index) => [name, values[index] ?? '']));
    });
}
