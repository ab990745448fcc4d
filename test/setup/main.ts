import { ensureEngine } from '../../lab/engine.ts';
import { ensureHostImage } from '../../lab/host-image.ts';
import { ensureTemporalCli } from '../../lab/temporal-cli.ts';

/** Prepares the machine for `npm test`: what is there already is found in a moment, what is missing is made once. */
const say = (line: string): void => {
  process.stderr.write(`set-up: ${line}\n`);
};

await ensureEngine(say);
say('the Docker Engine answers');
await ensureHostImage(say);
say('the image of a lab host is there');
await ensureTemporalCli(say);
say("Temporal's command line tool is there");
