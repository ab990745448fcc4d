import { itemPaths, valueAt, type FieldPath } from '../yaml-document.ts';

/** A file of the release's folder that the manifest names, and the field that names it. */
export type NamedFile = { readonly path: FieldPath; readonly file: string; readonly type: 'file' | 'package' };

/** Reads a manifest that may be wrong elsewhere, so that missing files are reported along with the other problems. */
export function namedFiles(value: unknown): readonly NamedFile[] {
  return itemPaths(value, ['host', 'steps']).flatMap((step) =>
    itemPaths(value, [...step, 'files']).flatMap((path): readonly NamedFile[] => {
      const isPackage = valueAt(value, [...step, 'type']) === 'packages';
      const field = isPackage ? path : [...path, 'from'];
      const file = valueAt(value, field);
      return typeof file === 'string' ? [{ path: field, file, type: isPackage ? 'package' : 'file' }] : [];
    }),
  );
}
