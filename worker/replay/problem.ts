/** The replay itself can't be done; nothing is known of the build then. */
export class ReplayProblem extends Error {
  override readonly name = 'ReplayProblem';
}
