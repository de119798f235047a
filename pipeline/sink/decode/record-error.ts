/** A record that cannot be applied, and would not be if it came again: for the dead-letter topic, or the end. */
export class RecordError extends Error {
  constructor(message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'RecordError';
  }
}
