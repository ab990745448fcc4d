/** What was read, or why it was not. */
export async function settled<Result extends object>(
  read: () => Promise<Result>,
): Promise<Result | { readonly problem: string }> {
  try {
    return await read();
  } catch (error) {
    // Whoever doesn't answer, and for whatever reason: the rest of the status is worth as much.
    return { problem: error instanceof Error ? error.message : String(error) };
  }
}
