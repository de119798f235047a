import { LabError } from '../../pipeline/contract/errors.ts';
import { tlsRefusal } from '../../pipeline/contract/tls-refusal.ts';
import { reasonOf } from '../../verifier/connection/http.ts';

/** Nothing answers at the address, or not in time. */
export class ConnectUnreachable extends LabError {
  readonly url: string;
  constructor(url: string, cause: unknown) {
    const { why, remedy } = tlsRefusal(reasonOf(cause)) ?? {
      why: null,
      remedy: 'See whether the worker runs, and what its log says.',
    };
    const said = why === null ? '' : `: ${why}`;
    super('CDC-5310', `Kafka Connect does not answer at ${url}${said}.`, { remedy, cause });
    this.name = 'ConnectUnreachable';
    this.url = url;
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

const REMEDIES: Readonly<Record<number, string>> = {
  401: 'Give username and password of its REST API.',
  403: 'Give a user who may do that.',
  404: 'See which connectors there are.',
};

/** Connect answered with an error. */
export class ConnectRefused extends LabError {
  /** HTTP status: 404 no such connector, 409 it exists or the workers rebalance, 400 invalid configuration. */
  readonly status: number;
  constructor(status: number, request: string, message: string) {
    super('CDC-5311', `Kafka Connect refuses ${request} with ${status}: ${message}`, {
      remedy: REMEDIES[status] ?? 'Correct what the message names.',
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
