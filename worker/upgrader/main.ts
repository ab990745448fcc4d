import { completeEnvironment } from '../../drivers/upgrader/environment.ts';

/** What the upgrader's image can be, and the program beside this one there that it is then. */
const programs = { worker: 'worker', replay: 'replay', api: 'refit', token: 'refit' } as const;

/** As the command line's: wrong input 2. */
const WRONG_INPUT = 2;

async function main(role: string | undefined): Promise<void> {
  const program = Object.entries(programs).find(([name]) => name === role)?.[1];
  if (program === undefined) {
    process.stderr.write(`expected one of ${Object.keys(programs).join(', ')}, got "${role ?? ''}"\n`);
    process.exitCode = WRONG_INPUT;
    return;
  }
  await completeEnvironment();
  // By its address: a bundler would look for it among the sources.
  await import(new URL(`./${program}.mjs`, import.meta.url).href);
}

await main(process.argv[2]);
