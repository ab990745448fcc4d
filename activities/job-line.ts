/** One line of a Downloader Job's output. */
export type JobLine =
  | { readonly event: 'progress'; readonly bytes: number; readonly total: number }
  /** kept: another agent runs, for it is at work and was not disturbed. */
  | { readonly event: 'done'; readonly agent: string; readonly outcome: AgentOutcome }
  | { readonly event: 'failed'; readonly message: string };

export type AgentOutcome = (typeof outcomes)[number];
const outcomes = ['running', 'started', 'replaced', 'kept'] as const;

/** null: not a line of ours, such as a warning of the runtime. */
export function parseJobLine(text: string): JobLine | null {
  const fields = parseObject(text);
  if (fields === null) return null;
  const { event, bytes, total, agent, message } = fields;
  const outcome = outcomes.find((one) => one === fields['outcome']) ?? 'running';
  if (event === 'progress' && typeof bytes === 'number' && typeof total === 'number') return { event, bytes, total };
  if (event === 'done' && typeof agent === 'string') return { event, agent, outcome };
  if (event === 'failed' && typeof message === 'string') return { event, message };
  return null;
}

function parseObject(text: string): Readonly<Record<string, unknown>> | null {
  try {
    const parsed: unknown = JSON.parse(text);
    return typeof parsed === 'object' && parsed !== null ? { ...parsed } : null;
  } catch {
    return null;
  }
}
