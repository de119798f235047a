import { LabError } from '../../pipeline/contract/errors.ts';
import { tlsRefusal } from '../../pipeline/contract/tls-refusal.ts';
import { reasonOf } from '../../verifier/connection/http.ts';

/** Nothing answers at the address, or not in time. */
export class ConnectUnreachable extends LabError {
  readonly url: string;
  constructor(url: string, cause: unknown) {
    const { why, remedy } = tlsRefusal(reasonOf(cause)) ?? {
      why: null,
      remedy: 'Check whether the worker runs, and what its log says.',
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
    super('CDC-5313', `What answers at ${url} is not Kafka Connect.`, {
      remedy: 'Check what listens there.',
      cause,
    });
    this.name = 'NotConnect';
  }
}

const REMEDIES: Readonly<Record<number, string>> = {
  401: 'Pass username and password of its REST API.',
  403: 'Use a user with that permission.',
  404: 'List the connectors to see which exist.',
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

/** A connector did not reach the wanted state: it failed, or the deadline passed. */
export class ConnectorStateError extends LabError {
  /** Why the task failed; null if it did not fail. */
  readonly trace: string | null;
  constructor(
    name: string,
    found: {
      readonly wanted: string;
      readonly seen: string;
      readonly trace: string | null;
      /** How long the state was waited for; null if the connector failed before the deadline. */
      readonly afterMs: number | null;
    },
  ) {
    const { wanted, seen, trace, afterMs } = found;
    const when = afterMs === null ? '' : ` after ${afterMs} ms`;
    const why = trace === null ? '' : ` Trace: ${trace}`;
    super('CDC-5312', `Connector ${name} is not ${wanted}${when}: it is ${seen}.${why}`, {
      remedy: 'Read the log of its worker; restart the task when the cause is gone.',
    });
    this.name = 'ConnectorStateError';
    this.trace = trace;
  }
}
