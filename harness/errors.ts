import { LabError } from '../pipeline/contract/errors.ts';

/** The user asked for something that does not exist or is not possible: exit code 64. */
export class UsageError extends LabError {
  constructor(message: string, remedy: string) {
    super('CDC-5064', message, { remedy });
    this.name = 'UsageError';
  }
}

/** Something that the lab needs is missing or down: exit code 69. */
export class UnavailableError extends LabError {
  constructor(message: string, remedy: string, cause?: unknown) {
    super('CDC-5069', message, cause === undefined ? { remedy } : { remedy, cause });
    this.name = 'UnavailableError';
  }
}

/** Ctrl-C or SIGTERM: exit code 130. The reason of the abort signal that everything listens to. */
export class Interrupted extends LabError {
  constructor(by: string) {
    super('CDC-5130', `interrupted by ${by}`, { remedy: 'run the command again when you like' });
    this.name = 'Interrupted';
  }
}
