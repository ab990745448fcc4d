/** Steps that the demo announces. */
const STEPS = 7;

/** A heading: what happens next, in a newcomer's words. */
export function step(number: number, text: string): void {
  process.stdout.write(`\n[${number}/${STEPS}] ${text}\n`);
}

/** A line on the way. */
export function say(line: string): void {
  process.stdout.write(`      ${line}\n`);
}
