import { formatPath, valueAt, type FieldPath, type Problem } from '../yaml-document.ts';

/** A text of the manifest, and where it stands. */
export type PlacedText = { readonly text: string; readonly path: FieldPath };

/** The texts at these paths; what is none there is passed over. */
export const textsAt = (value: unknown, paths: readonly FieldPath[]): readonly PlacedText[] =>
  paths.flatMap((path) => {
    const text = valueAt(value, path);
    return typeof text === 'string' ? [{ text, path }] : [];
  });

/** A problem for every text that an earlier one is equal to. */
export function repeated(texts: readonly PlacedText[]): readonly Problem[] {
  const first = new Map<string, FieldPath>();
  return texts.flatMap(({ text, path }) => {
    const earlier = first.get(text);
    if (earlier === undefined) first.set(text, path);
    return earlier === undefined ? [] : [{ path, message: `"${text}" is already ${formatPath(earlier)}` }];
  });
}
