import {
  EngineError,
  type ContainerFile,
  type ContainerSpec,
  type NetworkConnection,
  type NetworkSpec,
} from '../../model/engine.ts';
import { unitLabels } from '../../model/unit.ts';
import type { FakeContainer, FakeContainers } from './containers.ts';
import { createIn } from './created.ts';

/** Networks that every engine has. */
const BUILT_IN: ReadonlySet<string> = new Set(['bridge', 'host', 'none']);

/** Single containers of an engine, with the networks and volumes that they are in and on. */
export class FakeSlots {
  /** Labels by name; a test may put somebody else's here. */
  readonly networks = new Map<string, Readonly<Record<string, string>>>();
  readonly volumes = new Set<string>();
  readonly #containers: FakeContainers;

  constructor(containers: FakeContainers) {
    this.#containers = containers;
  }

  create(spec: ContainerSpec, imageId: string | null): { readonly id: string; readonly adopted: boolean } {
    const { container, adopted } = createIn(this.#containers, { spec, imageId });
    for (const volume of volumesOf(container)) this.volumes.add(volume);
    return { id: container.id, adopted };
  }

  start(name: string): void {
    const container = this.#must(name);
    if (container.running) return;
    const missing = [...container.networks.keys()].find((one) => !BUILT_IN.has(one) && !this.networks.has(one));
    if (missing !== undefined) throw new EngineError('notFound', `network ${missing} not found`);
    const taken = portsOf(container).find((port) => this.#running().some((one) => portsOf(one).includes(port)));
    if (taken !== undefined) throw new EngineError('refused', `port ${taken} is already allocated`);
    container.running = true;
    container.wasTried = true;
  }

  stop(name: string): void {
    this.#must(name).running = false;
  }

  remove(name: string, force: boolean): void {
    const container = this.#containers.find(name);
    if (container === null) return;
    if (container.running && !force) throw new EngineError('conflict', `container ${name} runs; stop it first`);
    this.#containers.remove(container.id);
  }

  ensureNetwork({ name, labels }: NetworkSpec): void {
    const found = this.networks.get(name);
    if (found === undefined) this.networks.set(name, labels);
    else if (Object.entries(labels).some(([label, value]) => found[label] !== value)) throw foreign(name);
  }

  connect({ network, container: name, aliases }: NetworkConnection): void {
    if (!this.networks.has(network)) throw new EngineError('notFound', `there is no network ${network}`);
    const container = this.#must(name);
    if (container.running && container.networks.has(network)) return;
    container.networks.set(network, aliases);
  }

  disconnect({ network, container }: Omit<NetworkConnection, 'aliases'>): void {
    this.#containers.find(container)?.networks.delete(network);
  }

  removeNetwork(name: string): void {
    const labels = this.networks.get(name);
    if (labels === undefined) return;
    if (labels[unitLabels.unit] === undefined) throw foreign(name);
    const user = this.#running().find(({ networks }) => networks.has(name));
    if (user !== undefined) throw new EngineError('conflict', `${user.name} is connected to network ${name}`);
    this.networks.delete(name);
  }

  putFiles(name: string, files: readonly ContainerFile[]): void {
    const container = this.#must(name);
    for (const file of files) container.files.set(file.to, file);
  }

  /** Why it is not well; null: it is. */
  problemOf(name: string): string | null {
    const container = this.#containers.find(name);
    if (container === null) return 'there is no container of that name';
    return container.running ? this.#containers.sicknessOf(container) : `exited with ${container.exitCode}`;
  }

  removeVolumes(prefix: string): number {
    if (prefix === '') throw new RangeError('expected the beginning of a volume’s name');
    const used = new Set(this.#containers.all().flatMap(volumesOf));
    const unused = [...this.volumes].filter((volume) => volume.startsWith(prefix) && !used.has(volume));
    for (const volume of unused) this.volumes.delete(volume);
    return unused.length;
  }

  #must(name: string): FakeContainer {
    const found = this.#containers.find(name);
    if (found === null) throw new EngineError('notFound', `there is no container ${name}`);
    return found;
  }

  #running(): readonly FakeContainer[] {
    return this.#containers.all().filter(({ running }) => running);
  }
}

const foreign = (name: string): EngineError => new EngineError('conflict', `network ${name} is somebody else's`);

/** Named ones, not folders of the host. */
const volumesOf = ({ spec }: FakeContainer): readonly string[] =>
  (spec?.volumes ?? []).map((volume) => volume.split(':')[0] ?? '').filter((volume) => !volume.startsWith('/'));

/** Of the host, published. */
const portsOf = ({ spec }: FakeContainer): readonly string[] =>
  (spec?.ports ?? []).map((port) => port.split(':').at(-2) ?? '');
