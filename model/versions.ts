/** What the model asks of semantic versions; drivers/versions.ts answers with semver. */
export interface Versions {
  isVersion(text: string): boolean;
  /** Negative: a before b. Both are versions. */
  compare(a: string, b: string): number;
  /** A pre-release is in a range of its own numbers only if the range names one, as npm has it. */
  isIn(version: string, range: string): boolean;
  isPreRelease(version: string): boolean;
  /** How many minor versions b is above a; null: another major version. */
  minorsApart(a: string, b: string): number | null;
}
