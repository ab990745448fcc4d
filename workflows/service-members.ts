import type { FindMembersInput } from '../activities/member-activities.ts';
import { assert } from '../model/assert.ts';
import { cutPages, PAGE_LENGTH } from '../model/pages.ts';
import { MAX_MEMBERS, type Member, type MemberId } from '../model/service.ts';
import type { Finding } from '../model/upgrade.ts';
import { reading } from './proxies.ts';
import type { MemberRun, ServiceRun } from './service-run.ts';

/** Findings of all pages together, as many as the first may have: it has judged all that could be seen then. */
const MAX_FINDINGS = 50;

/** `total`: of the service; when there are too many for an upgrade, not all of them are read. */
export type ServiceMembers = {
  readonly members: readonly Member[];
  readonly total: number;
  readonly findings: readonly Finding[];
};

/** All members on all hosts, as they are now, page after page. */
export async function findMembers(run: ServiceRun): Promise<ServiceMembers> {
  const { fleet, upgrade, service, reference, policy, release } = run.input;
  const summary = `find the members of ${service.name}`;
  const input = { fleet, upgrade, service, mode: policy.mode, reference, release: release?.release ?? null };
  const first = await findPage(summary, { ...input, after: null });
  const members = [...first.members];
  const findings = [...first.findings];
  const total = first.total ?? members.length;
  if (total > MAX_MEMBERS) return { members, total, findings };
  // Every page has a member at least. More than there may be: containers were created while they were read.
  for (let { next } = first; next !== null && members.length <= MAX_MEMBERS;) {
    const page = await findPage(`${summary}, those after ${members.length}`, { ...input, after: next });
    assert(page.next === null || page.members.length > 0, 'a page that is not the last has members');
    members.push(...page.members);
    const news = page.findings.filter((finding) => !findings.some((known) => isSame(known, finding)));
    findings.push(...news.slice(0, Math.max(0, MAX_FINDINGS - findings.length)));
    next = page.next;
  }
  return { members, total: members.length, findings };
}

/** How many of the other members are available now; all of them when taking these costs nothing. */
export async function countOthers(run: ServiceRun, taken: readonly MemberRun[]): Promise<number> {
  const { fleet, upgrade, service } = run.input;
  const summary = `count the available members of ${service.name}`;
  const names = taken.map(({ found: { host, container } }): MemberId => ({ host, container }));
  let all = Infinity;
  let ofThese = 0;
  for (const apart of cutPages(names, { length: PAGE_LENGTH, items: MAX_MEMBERS })) {
    const counted = await reading.countMembers.executeWithOptions({ summary }, [{ fleet, upgrade, service, apart }]);
    // Of several looks the least is sure.
    all = Math.min(all, counted.available);
    ofThese += counted.apart;
  }
  return ofThese === 0 ? Infinity : all - ofThese;
}

const findPage = async (
  summary: string,
  input: FindMembersInput,
): ReturnType<typeof reading.findMembers.executeWithOptions> =>
  reading.findMembers.executeWithOptions({ summary }, [input]);

const isSame = (a: Finding, b: Finding): boolean => a.host === b.host && a.what === b.what;
