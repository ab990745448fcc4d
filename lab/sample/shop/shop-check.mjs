// Tests of a slot: every server of it answers, at this version and out of this slot. Exit code 0: they do.
const WANTED = { version: process.env.VERSION ?? '@VERSION@', slot: process.env.SLOT ?? 'none' };
// Longest until a server has answered.
const ANSWER_MS = 10_000;

const addresses = (name) => (process.env[name] ?? '').split(',').filter(Boolean);
const asked = [
  ...addresses('WEB').flatMap((address) => ['/', '/health', '/api'].map((path) => `http://${address}${path}`)),
  ...addresses('API').flatMap((address) => ['/', '/health'].map((path) => `http://${address}${path}`)),
];

let problems = asked.length === 0 ? ['no server was named in WEB or API'] : [];
for (const url of asked) problems = [...problems, ...(await problemsOf(url))];
if (process.env.CHECK_FAILS === '1') problems = [...problems, 'told to fail'];
for (const problem of problems) console.log(`FAILED ${problem}`);
console.log(`${asked.length} requests to slot ${WANTED.slot}, ${problems.length} failures`);
process.exit(problems.length === 0 ? 0 : 1);

async function problemsOf(url) {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(ANSWER_MS) });
    const text = (await response.text()).trim();
    console.log(`${url} ${response.status} ${text}`);
    if (response.status !== 200) return [`${url}: status ${response.status}`];
    const { version, slot, api } = JSON.parse(text);
    return [{ version, slot }, ...(api === undefined ? [] : [api])].flatMap((one) => differences(url, one));
  } catch (error) {
    return [`${url}: ${error.cause?.message ?? error.message}`];
  }
}

function differences(url, seen) {
  return Object.entries(WANTED)
    .filter(([name, wanted]) => seen[name] !== wanted)
    .map(([name, wanted]) => `${url}: expected ${name} ${wanted}, got ${seen[name]}`);
}
