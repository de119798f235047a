import { LabError } from '../../pipeline/contract/errors.ts';

/** Nothing answers at the address, or not in time. */
export class ConnectUnreachable extends LabError {
  constructor(url: string, cause: unknown) {
    super('CDC-5310', `Kafka Connect does not answer at ${url}.`, {
      remedy: 'See whether the worker runs, and what its log says.',
      cause,
    });
    this.name = 'ConnectUnreachable';
  }
}

/** Something answers, but not as Kafka Connect does. */
export class NotConnect extends LabError {
  constructor(url: string, cause: unknown) {
    super('CDC-5313', `What answers at ${url} does not answer as Kafka Connect does.`, {
      remedy: 'See what listens there.',
      cause,
    });
    this.name = 'NotConnect';
  }
}

/** Connect answered with an error. */
export class ConnectRefused extends LabError {
  /** HTTP status: 404 no such connector, 409 it exists or the workers rebalance, 400 invalid configuration. */
  readonly status: number;
  constructor(status: number, request: string, message: string) {
    super('CDC-5311', `Kafka Connect refuses ${request} with ${status}: ${message}`, {
      remedy: status === 404 ? 'See which connectors there are.' : 'Correct what the message names.',
    });
    this.name = 'ConnectRefused';
    this.status = status;
  }
}

/** A connector did not reach the state that was waited for. */
export class ConnectorStateError extends LabError {
  /** Why the task failed; null where it did not fail. */
  readonly trace: string | null;
  constructor(name: string, wanted: string, seen: string, trace: string | null) {
    const why = trace === null ? '' : ` Trace: ${trace}`;
    super('CDC-5312', `Connector ${name} is not ${wanted}: it is ${seen}.${why}`, {
      remedy: 'See the log of its worker; restart the task when the cause is gone.',
    });
    this.name = 'ConnectorStateError';
    this.trace = trace;
  }
}
