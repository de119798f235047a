/**
 * An error that a person can act on: a stable code, one sentence, and the next step. Codes: 1xxx capture, 2xxx
 * sink, 3xxx worker, 4xxx verifier, 5xxx harness, 6xxx workload.
 */
export class LabError extends Error {
  readonly code: `CDC-${number}`;
  /** The next step, as a sentence or a command. */
  readonly remedy: string;

  constructor(code: `CDC-${number}`, message: string, options: { remedy: string; cause?: unknown }) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'LabError';
    this.code = code;
    this.remedy = options.remedy;
  }
}

/** The message of anything that was thrown, without its stack. */
export function messageOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === '') return error.errors.map(messageOf).join(', ');
  return error instanceof Error ? error.message : String(error);
}
