/** A word that is not ours, and what to say instead. `unless`: the line, with its path, means somebody else's thing. */
type BannedWord = { readonly word: RegExp; readonly say: string; readonly unless?: RegExp };

/** Words of docs/ARCHITECTURE.md's glossary and no others, in code, messages and pages. */
export const bannedWords: readonly BannedWord[] = [
  { word: /\broll-?outs?\b/i, say: 'upgrade' },
  { word: /\borchestrat\w+/i, say: 'worker or upgrade' },
  { word: /\bdaemon-?sets?\b/i, say: 'agent' },
  {
    word: /\bdeploy(ment|ments|ed|ing)?\b/i,
    say: 'install or release',
    unless: /worker\s*deployment|DeploymentOptions/i,
  },
  { word: /\bclusters?\b/i, say: 'fleet', unless: /etcd|temporal|postgres|cluster_?id|initial-cluster/i },
  {
    word: /\b(the|a|each|every|all|per|other|first|next|worker) nodes?\b/i,
    say: 'host',
    unless: /Node\.js|yaml|ts\./i,
  },
  { word: /\bpods?\b/i, say: 'container' },
  { word: /\b(white|black)-?lists?\b/i, say: 'allowed or refused' },
  { word: /\b(master|slave)s?\b/i, say: 'first, active or standby' },
  { word: /\b(simply|obviously|basically)\b/i, say: 'nothing: leave it out' },
];

/** Paths of somebody's own machine. */
export const machinePath = /\/work\/(main|shared)|\/home\/[a-z]|\/Users\/|\/tmp\/brief/;

/** Lines with a word that is not ours: `file:line: word → what to say`. */
export function findBannedWords(path: string, text: string): readonly string[] {
  return text.split('\n').flatMap((line, index) =>
    bannedWords.flatMap(({ word, say, unless }) => {
      const found = word.exec(line)?.[0];
      if (found === undefined || unless?.test(`${path} ${line}`) === true) return [];
      return [`${path}:${index + 1}: "${found}", say ${say}`];
    }),
  );
}
