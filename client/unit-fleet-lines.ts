import type { Fleet, FleetLoadBalancer } from '../model/fleet.ts';
import type { ServiceId } from '../model/ids.ts';
import type { UnitContainer, UnitRelease } from '../model/unit.ts';

/** Stands in for the load balancer of a fleet file that has none yet. */
const EDGE = { name: 'edge', type: 'haproxy', endpoint: 'tcp://10.0.0.5:9999' } as const;

/** What a fleet file lacks of the unit, to be pasted into it; addresses and paths are the site's to say. Pure. */
export function unitFleetLines(unit: UnitRelease, { loadBalancers }: Pick<Fleet, 'loadBalancers'>): readonly string[] {
  const [balancer = EDGE] = loadBalancers;
  const frontends = unit.services.filter(({ port, shared }) => port !== null && !shared).map(({ name }) => name);
  const files = fileNames(unit).map((name) => `      ${name}: /etc/refit/${unit.name}/${name}`);
  return [
    ...(loadBalancers.length === 0 && frontends.length > 0 ? edgeLines() : []),
    'units:',
    `  - name: ${unit.name}`,
    ...(frontends.length === 0 ? [] : balancerLines(unit, balancer, frontends)),
    ...(files.length === 0 ? [] : ['    files:', ...files]),
  ];
}

const edgeLines = (): readonly string[] => [
  'loadBalancers:',
  `  - { name: ${EDGE.name}, type: haproxy, endpoint: "${EDGE.endpoint}" }`,
];

function balancerLines(
  { name: unit }: UnitRelease,
  { name, type }: FleetLoadBalancer,
  frontends: readonly ServiceId[],
): readonly string[] {
  const map = `/etc/haproxy/maps/${unit}.map`;
  const paths = type === 'haproxy' ? [`      map: ${map}`, `      mapFile: ${map}`] : [];
  const lines = frontends.map((service) =>
    type === 'haproxy'
      ? `{ service: ${service}, backend: "${unit}-${service}-{slot}", server: "{host}-{container}" }`
      : `{ service: ${service}, listener: "arn:…", targetGroups: { blue: "arn:…", green: "arn:…" } }`,
  );
  return [
    '    balancer:',
    `      loadBalancer: ${name}`,
    ...paths,
    '      frontends:',
    ...lines.map((line) => `        - ${line}`),
  ];
}

function fileNames({ services, migrations, accountData, addOns, tests }: UnitRelease): readonly string[] {
  const jobs = [...migrations, ...tests, ...(accountData === null ? [] : [accountData])];
  const containers: readonly Pick<UnitContainer, 'files'>[] = [...services, ...addOns, ...jobs];
  return [...new Set(containers.flatMap(({ files }) => files.map(({ file }) => file)))];
}
