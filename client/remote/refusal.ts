import { problemSchema, type ProblemDocument } from '../api/schemas/problem.ts';
import { WrongInput } from '../fleet-client.ts';
import { Unreachable } from '../unreachable.ts';
import type { ApiAnswer } from './transport.ts';

/** An earlier try of the same request has no answer yet: no other conflict says when to come again. */
export const isAtWork = ({ status, headers }: ApiAnswer): boolean =>
  status === 409 && headers['retry-after'] !== undefined;

/** The first field that is at fault; null: none is. */
export const fieldOf = ({ text }: ApiAnswer): string | null => parseProblem(text)?.errors[0]?.field ?? null;

/** What an API's no is to whoever asks a fleet: the same as without an API between them. */
export function refusalOf(address: string, answer: ApiAnswer): Error {
  const { status, text } = answer;
  const problem = parseProblem(text);
  const detail = problem?.detail ?? `status ${status}`;
  if (isAtWork(answer)) return new Unreachable(`the API at ${address} does not come to an end: ${detail}`);
  switch (status) {
    case 401:
    case 403:
      return new WrongInput('token', `the API at ${address} does not allow this: ${detail}; ${NAME_TOKEN}`);
    case 429:
      return new Unreachable(`the API at ${address} takes no more requests now: ${detail}`);
    case 502:
    case 503:
    case 504:
      return new Unreachable(problem?.detail ?? `the API at ${address} does not answer (status ${status})`);
    default:
      if (status >= 500) return new Error(`the API at ${address} failed: ${detail} (${problem?.instance ?? 'no id'})`);
      return new WrongInput(problem?.errors[0]?.field ?? 'request', detail);
  }
}

const NAME_TOKEN = 'name the file of a token that does with --token-file or REFIT_API_TOKEN_FILE';

/** null: it is no problem document, such as a proxy's page. */
function parseProblem(text: string): ProblemDocument | null {
  try {
    return problemSchema.safeParse(JSON.parse(text)).data ?? null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}
