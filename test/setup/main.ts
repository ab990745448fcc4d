import { ensureEngine } from '../../lab/engine.ts';
import { ensureHostImage } from '../../lab/host-image.ts';
import { ensureTemporalCli } from '../../lab/temporal-cli.ts';
import { isNightly } from '../nightly.ts';
import { ensureTemporalServer } from '../parts/temporal-server-programs.ts';

/** Prepares the machine for `npm test`: what is there already is found in a moment, what is missing is made once. */
const say = (line: string): void => {
  process.stderr.write(`set-up: ${line}\n`);
};

await ensureEngine(say);
say('the Docker Engine answers');
await ensureHostImage(say);
say('the image of a lab host is there');
// Before the command line tool: where both have to be built, one takes no longer than the other.
if (isNightly) {
  await ensureTemporalServer(say);
  say('the Temporal server is there');
}
await ensureTemporalCli(say);
say("Temporal's command line tool is there");
