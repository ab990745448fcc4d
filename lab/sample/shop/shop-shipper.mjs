// Add-on of the shop: would ship its logs, and says now and then that it does.
const VERSION = '@VERSION@';
const PAUSE_MS = 5_000;

let count = 0;
process.on('SIGTERM', () => process.exit(0));
say();
setInterval(say, PAUSE_MS);

function say() {
  count += 1;
  console.log(`shop-shipper ${VERSION} of slot ${process.env.SLOT ?? 'none'} shipped ${count} times`);
}
