import { createEngine } from '../../../drivers/docker/engine.ts';
import { wish } from '../replacing/wish.ts';

// A replacement in a process of its own, to be killed: ENDPOINT CONTAINER. Says its outcome when it comes to its end.
const [endpoint = '', container = ''] = process.argv.slice(2);
void createEngine({ endpoint, tls: null }, 'host-1')
  .replaceContainer(wish(container))
  .then(({ outcome }) => process.stdout.write(outcome));
