/** A record that cannot be applied, now or on a retry: it goes to the dead-letter topic, or stops the task. */
export class RecordError extends Error {
  constructor(message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'RecordError';
  }
}
