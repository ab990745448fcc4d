import { planLab } from '../../lab/plan.ts';
import type { LabHost, LabState } from '../../lab/state.ts';

/** A lab as the plan makes it, on ports that nobody looks at. */
export function aLab(options: { readonly hosts: number; readonly name?: string }): LabState {
  const host = (index: number): LabHost => ({
    name: `host-${index + 1}`,
    address: `10.213.7.${10 + index}`,
    ports: { engine: 20_001 + 3 * index, etcd: index < 3 ? 20_002 + 3 * index : null, http: 20_003 + 3 * index },
  });
  return {
    version: 1,
    lab: options.name ?? 'lab',
    subnet: '10.213.7.0/24',
    hosts: Array.from({ length: options.hosts }, (_, index) => host(index)),
    registry: { address: '10.213.7.5', port: 20_000 },
    balancer: {
      address: '10.213.7.6',
      webPort: 19_998,
      runtimePort: 19_999,
      shop: { webPort: 19_996, apiPort: 19_997 },
    },
    temporal: { port: 7233, uiPort: 8233, process: null },
    workers: [],
    vm: false,
    secure: false,
    api: { port: 7280, process: null },
    upgrader: null,
  };
}

/** The real plan of a lab. */
export async function plannedLab(wanted: number | undefined, old?: LabState): Promise<LabState> {
  return planLab('lab', '10.213.7.0/24', { wanted, old });
}
