/** What went wrong, as RFC 9457 has it: the only error that leaves a route on purpose. */
export class HttpProblem extends Error {
  override readonly name = 'HttpProblem';
  readonly status: number;
  readonly title: string;
  /** By field, such as `policy.install.strategy`: why it is not accepted. */
  readonly errors: readonly FieldError[];
  readonly headers: Readonly<Record<string, string>>;

  constructor({ status, title, detail, errors = [], headers = {} }: Problem, options?: ErrorOptions) {
    super(detail, options);
    this.status = status;
    this.title = title;
    this.errors = errors;
    this.headers = headers;
  }
}

export type FieldError = { readonly field: string; readonly reason: string };

type Problem = {
  readonly status: number;
  readonly title: string;
  /** What was expected, what was got, and what to do next. */
  readonly detail: string;
  readonly errors?: readonly FieldError[];
  readonly headers?: Readonly<Record<string, string>>;
};
