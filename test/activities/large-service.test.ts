import { afterEach, describe, expect, it } from 'vitest';
import type { FindMembersInput, FoundMembers } from '../../activities/member-activities.ts';
import { parseHostId, parseServiceId } from '../../model/ids.ts';
import { MAX_MEMBERS, memberName, SERVICE_LABEL, type Member, type ServiceBalancer } from '../../model/service.ts';
import { digestOf } from '../fakes/release.ts';
import { at, perform, run, startHarness, type Harness } from './harness.ts';

const HOSTS = 20;
const EACH = 5;
/** What a payload may weigh; bytes. */
const MAX_PAYLOAD = 16_384;
/** As long as they are in a platform with a registry of its own. */
const IMAGE = `registry.platform.example:5000/infrastructure/dns/resolver:2026.11@${digestOf('d')}`;
const LABELS = { [SERVICE_LABEL]: 'dns' };
const BALANCER: ServiceBalancer = { loadBalancer: 'edge', backend: 'dns', server: '{host}-{container}' };
let harness: Harness | null = null;
afterEach(() => harness?.close());

type Large = Harness & {
  readonly input: FindMembersInput;
  /** How often each host's engine was asked for its containers. */
  readonly asked: Map<string, number>;
};

/** Members dns-1 to dns-5 on each of twenty hosts; on the first as many as named. */
function start({ first = EACH, balancer = null as ServiceBalancer | null } = {}): Large {
  const started = (harness = startHarness(HOSTS));
  const asked = new Map<string, number>();
  for (const [index, host] of started.hosts.entries()) {
    const engine = started.engine(index);
    for (let number = 1; number <= (index === 0 ? first : EACH); number++) engine.run(`dns-${number}`, IMAGE, LABELS);
    const list = engine.listContainers.bind(engine);
    engine.listContainers = async (labels) => {
      asked.set(host, (asked.get(host) ?? 0) + 1);
      return list(labels);
    };
  }
  const service = { name: parseServiceId('dns'), selector: LABELS, balancer };
  const input: FindMembersInput = {
    ...{ ...run, service, mode: 'inPlace', reference: IMAGE, release: null, after: null },
  };
  return { ...started, asked, input };
}

/** All pages; each fits into a payload. */
async function turnPages({ activities, input }: Large): Promise<readonly FoundMembers[]> {
  const pages: FoundMembers[] = [];
  let { after } = input;
  do {
    const page = await perform(activities.findMembers, { ...input, after });
    expect(Buffer.byteLength(JSON.stringify(page)), 'bytes of a page').toBeLessThan(MAX_PAYLOAD);
    pages.push(page);
    after = page.next;
  } while (after !== null && pages.length <= MAX_MEMBERS);
  return pages;
}

const membersOf = (pages: readonly FoundMembers[]): readonly Member[] => pages.flatMap(({ members }) => members);

describe('the members of a large service', () => {
  it('are on pages, each once, by the fleet’s order and their names; the first page counts them', async () => {
    const large = start();

    const pages = await turnPages(large);

    const names = large.hosts.flatMap((host) => [1, 2, 3, 4, 5].map((number) => `${host}/dns-${number}`));
    expect(membersOf(pages).map(memberName)).toEqual(names);
    expect(pages.length).toBeGreaterThan(2);
    expect(pages.map(({ total }) => total)).toEqual([HOSTS * EACH, ...pages.slice(1).map(() => null)]);
    expect(await turnPages(large)).toEqual(pages);
  });

  it('are asked of all hosts for the first page, and of few for each one after', async () => {
    const large = start();

    const pages = await turnPages(large);

    const asked = [...large.asked.values()].reduce((sum, count) => sum + count, 0);
    expect(asked).toBeLessThanOrEqual(HOSTS + pages.length * 8);
    expect(large.asked.get('host-1')).toBe(1);
  });

  it('may be on one host all of them', async () => {
    const large = start({ first: 120 });

    const pages = await turnPages(large);

    expect(membersOf(pages)).toHaveLength(120 + (HOSTS - 1) * EACH);
    expect(new Set(membersOf(pages).map(memberName)).size).toBe(120 + (HOSTS - 1) * EACH);
  });

  it('leave room for what speaks against the upgrade', async () => {
    const large = start({ balancer: BALANCER });
    large.edge.add('dns', 'another');

    const pages = await turnPages(large);

    expect(membersOf(pages)).toHaveLength(HOSTS * EACH);
    expect(at(at(pages, 0).findings, 0).what).toContain('is to be server host-1-dns-1 of backend dns');
  });

  it('that can’t be seen any more on a later page are told there', async () => {
    const large = start();
    const first = await perform(large.activities.findMembers, large.input);
    large.engine(HOSTS - 1).down();

    const after = { host: parseHostId('host-19'), container: 'dns-2' };
    const { members, findings } = await perform(large.activities.findMembers, { ...large.input, after });

    expect(first.findings).toEqual([]);
    expect(members.map(memberName)).toEqual(['host-19/dns-3', 'host-19/dns-4', 'host-19/dns-5']);
    expect(findings).toMatchObject([{ host: 'host-20', severity: 'error' }]);
  });

  it('go on after a member that has gone meanwhile, and not after a host that has', async () => {
    const { activities, input } = start();
    const after = { host: parseHostId('host-20'), container: 'dns-3-gone' };

    const { members, next } = await perform(activities.findMembers, { ...input, after });

    expect([members.map(memberName), next]).toEqual([['host-20/dns-4', 'host-20/dns-5'], null]);
    await expect(
      perform(activities.findMembers, { ...input, after: { ...after, host: parseHostId('host-21') } }),
    ).rejects.toThrow(/host-21 was taken out of the fleet/);
  });
});

describe('counting the members that are available', () => {
  it('tells all of them, and how many are among those that are named', async () => {
    const { activities, input, engine, hosts } = start();
    const stopped = engine(0).containers.find('dns-1');
    if (stopped !== null) stopped.running = false;
    engine(1).down();
    const apart = ['dns-1', 'dns-2'].map((container) => ({ host: at(hosts, 0), container }));

    const counted = await perform(activities.countMembers, { ...run, service: input.service, apart });

    expect(counted).toEqual({ available: HOSTS * EACH - 1 - EACH, apart: 1 });
  });

  it('asks the load balancer, where there is one', async () => {
    const { activities, input, edge } = start({ balancer: BALANCER });
    edge.add('dns', 'host-1-dns-1').add('dns', 'host-1-dns-2');
    const all = await perform(activities.countMembers, { ...run, service: input.service, apart: [] });
    await edge.setState({ backend: 'dns', server: 'host-1-dns-1' }, 'drain');

    const drained = await perform(activities.countMembers, { ...run, service: input.service, apart: [] });

    expect(drained.available).toBe(all.available - 1);
  });
});
