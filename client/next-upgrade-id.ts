/** The first free id of the form `<fleet>-<n>`, counting on from the highest. */
export function nextUpgradeId(fleet: string, used: readonly string[]): string {
  const numbers = used.map((id) => (id.startsWith(`${fleet}-`) ? id.slice(fleet.length + 1) : ''));
  const highest = numbers
    .filter((text) => /^\d{1,9}$/.test(text))
    .reduce((most, text) => Math.max(most, Number(text)), 0);
  return `${fleet}-${highest + 1}`;
}
