/** One line of a Downloader Job's output. */
export type JobLine =
  | { readonly event: 'progress'; readonly bytes: number; readonly total: number }
  | { readonly event: 'done'; readonly agent: string }
  | { readonly event: 'failed'; readonly message: string };

/** null: not a line of ours, such as a warning of the runtime. */
export function parseJobLine(text: string): JobLine | null {
  const fields = parseObject(text);
  if (fields === null) return null;
  const { event, bytes, total, agent, message } = fields;
  if (event === 'progress' && typeof bytes === 'number' && typeof total === 'number') return { event, bytes, total };
  if (event === 'done' && typeof agent === 'string') return { event, agent };
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
