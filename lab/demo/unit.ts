import { join } from 'node:path';
import { z } from 'zod';
import type { Fleet } from '../../model/fleet.ts';
import type { shopUrls } from '../haproxy.ts';
import { get } from '../http.ts';
import type { Lab } from '../lab.ts';
import { FIRST_VERSION, NEXT_VERSION } from '../sample/sample.ts';
import { SHOP_REPOSITORY, publishShop } from '../sample/shop-release.ts';
import { SHOP } from '../shop-frontends.ts';
import { startLoad, type Seen, type Target } from './load.ts';
import { say, step } from './narration.ts';
import { runRefit } from './refit.ts';
import { unitLine } from './result.ts';

/** Through the load balancer, short and slow; a slow one is on its way when the slots change. */
const PATHS = ['/', '/api', '/slow?ms=400'] as const;

/** Who answers for the unit. */
export type Serving = { readonly version: string; readonly slot: string };
type Urls = NonNullable<ReturnType<typeof shopUrls>>;
const servingSchema = z.object({ version: z.string(), slot: z.string() });

/** A whole installation of which users see one version or the other, and nothing in between. Returns whether they did. */
export async function showUnit(lab: Lab, urls: Urls, registries: Fleet['registries']): Promise<boolean> {
  step(6, `Install a unit: a shop of web, API, worker and database, as its slot blue, at ${FIRST_VERSION}.`);
  for (const version of [FIRST_VERSION, NEXT_VERSION]) await publish(lab, { version, registries });
  const found = await lookAtUnit(urls);
  if (found?.version === NEXT_VERSION) say(`the shop is on ${NEXT_VERSION} already, in slot ${found.slot}`);
  else if ((await upgradeUnit(lab, FIRST_VERSION)) !== 0) return false;
  const before = await lookAtUnit(urls);

  step(7, `Upgrade it to ${NEXT_VERSION} as its other slot: made, tested, then switched to at once, under requests.`);
  const load = startLoad(targetsOf(urls));
  try {
    const exitCode = await upgradeUnit(lab, NEXT_VERSION);
    if (exitCode !== 0) say(`refit ended with exit code ${exitCode}`);
    const seen = sum([...(await load.stop()).values()]);
    const after = await lookAtUnit(urls);
    say(unitLine({ before, after, seen }));
    for (const reason of seen.reasons) say(`failed: ${reason}`);
    say(`look at it: ${urls.web}, and with npx refit unit status ${SHOP}`);
    return exitCode === 0 && after?.version === NEXT_VERSION && seen.failed === 0;
  } finally {
    await load.stop();
  }
}

async function publish(
  lab: Lab,
  { version, registries }: { readonly version: string; readonly registries: Fleet['registries'] },
): Promise<void> {
  const folder = join(lab.paths.folder, 'sample');
  const { digest } = await publishShop({ version, folder, registries, schema: version === FIRST_VERSION ? 1 : 2 });
  say(`${SHOP_REPOSITORY}:${version} is ${digest}`);
}

const upgradeUnit = async (lab: Lab, version: string): Promise<number> =>
  runRefit(lab, ['unit', 'upgrade', SHOP, `${SHOP_REPOSITORY}:${version}`]);

const targetsOf = ({ web, api }: Urls): readonly Target[] => [
  ...PATHS.map((path) => ({ name: `web ${path}`, url: `${web}${path}` })),
  { name: 'api /', url: `${api}/` },
];

/** null: nobody answers, as before the first install. */
async function lookAtUnit({ web }: Urls): Promise<Serving | null> {
  const { body } = await get(`${web}/`);
  // Without a server it is the balancer's own page.
  const answer = body.startsWith('{') ? servingSchema.safeParse(JSON.parse(body)) : null;
  return answer?.success === true ? answer.data : null;
}

const sum = (all: readonly Seen[]): Seen => ({
  answered: all.reduce((count, { answered }) => count + answered, 0),
  failed: all.reduce((count, { failed }) => count + failed, 0),
  reasons: all.flatMap(({ reasons }) => reasons),
  longestGapMs: Math.max(0, ...all.map(({ longestGapMs }) => longestGapMs)),
});
