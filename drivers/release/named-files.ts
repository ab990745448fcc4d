import { itemPaths, valueAt, type FieldPath } from '../yaml-document.ts';

/** A file of the release's folder that the manifest names, and the field that names it. */
export type NamedFile = {
  readonly path: FieldPath;
  readonly file: string;
  readonly type: 'file' | 'package' | 'kernel';
};

/** Reads a manifest that may be wrong elsewhere, so that missing files are reported along with the other problems. */
export function namedFiles(value: unknown): readonly NamedFile[] {
  return itemPaths(value, ['host', 'steps']).flatMap((step) => {
    const type = valueAt(value, [...step, 'type']);
    if (type === 'kernel') return named(value, [...step, 'file'], 'kernel');
    const isPackage = type === 'packages' || type === 'engine';
    return itemPaths(value, [...step, 'files']).flatMap((path) =>
      isPackage ? named(value, path, 'package') : named(value, [...path, 'from'], 'file'),
    );
  });
}

function named(value: unknown, path: FieldPath, type: NamedFile['type']): readonly NamedFile[] {
  const file = valueAt(value, path);
  return typeof file === 'string' ? [{ path, file, type }] : [];
}
