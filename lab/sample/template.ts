/** A place in a template, such as `@VERSION@`. */
const PLACE = /@([A-Z_]+)@/g;

/** Fills every place of a template; a place without a value is a mistake of the template's. */
export function fill(template: string, values: Readonly<Record<string, string>>): string {
  return template.replace(PLACE, (place, name: string) => {
    const value = values[name];
    if (value === undefined) throw new Error(`no value for ${place} in the template`);
    return value;
  });
}
