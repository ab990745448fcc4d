/** Shorter values are words that a text may have by chance: taking them out would spoil it, and hide nothing. */
const MIN_LENGTH = 4;

/** Takes secret values out of a text that somebody else wrote, such as the last lines of a container's log. */
export function conceal(text: string, secrets: readonly string[]): string {
  const longestFirst = [...secrets].sort((a, b) => b.length - a.length);
  return longestFirst
    .filter((secret) => secret.length >= MIN_LENGTH)
    .reduce((rest, secret) => rest.replaceAll(secret, '…'), text);
}
