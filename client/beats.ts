/** What activities at work say of themselves, each as JSON; heartbeats of others are left out. */
export function parseBeats<Beat>(texts: readonly string[], isBeat: (value: unknown) => value is Beat): readonly Beat[] {
  return texts.flatMap((text) => {
    try {
      const value: unknown = JSON.parse(text);
      return isBeat(value) ? value : [];
    } catch {
      // Heartbeats of other activities need not be JSON.
      return [];
    }
  });
}
