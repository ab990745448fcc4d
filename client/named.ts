/** Names that a line has room for; the others are counted. */
const MAX_NAMED = 20;

/** `host-1, host-2 and 9998 more`. */
export function named(names: readonly string[]): string {
  const more = names.length - MAX_NAMED;
  return more <= 0 ? names.join(', ') : `${names.slice(0, MAX_NAMED).join(', ')} and ${more} more`;
}
