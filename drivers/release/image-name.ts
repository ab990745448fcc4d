import { parseReference } from '../oci/reference.ts';

/** `registry/name@sha256:…`, without a tag that it may carry too; null when it isn't by digest. */
export function digestedImage(text: string): string | null {
  try {
    const { repository, digest } = parseReference(text);
    return digest === null ? null : `${repository}@${digest}`;
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
}
