import { DocumentProblems } from '../yaml-document.ts';

/** What is wrong with a release's folder; nothing was built. */
export class ReleaseProblems extends DocumentProblems {
  override readonly name = 'ReleaseProblems';
}
