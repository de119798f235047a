import type { ConfigProblem } from '../contract/connector.ts';
import { LabError, messageOf } from '../contract/errors.ts';

/** An error that the REST API answers with this status, as Connect's `{error_code, message}`. */
export class RestError extends Error {
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.name = 'RestError';
    this.status = status;
  }
}

export const notFound = (name: string) => new RestError(404, `Connector ${name} not found`);
export const noStatus = (name: string) => new RestError(404, `No status found for connector ${name}`);
export const alreadyExists = (name: string) => new RestError(409, `Connector ${name} already exists`);

/** A request about offsets that Kafka or a database did not answer, as Connect's 500. */
export function offsetsFailed(name: string, done: 'read' | 'altered' | 'reset', error: unknown): RestError {
  const said = error instanceof LabError ? `${error.message} ${error.remedy}` : messageOf(error);
  return new RestError(
    500,
    `The offsets of connector ${name} could not be ${done}: ${said.replace(/\.$/, '')}. ` +
      'Check that Kafka and the database of the connector can be reached, then repeat the request.',
  );
}

/** Connect's message for an invalid configuration, with the nearest known key for an unknown one. */
export function invalidConfig(problems: readonly ConfigProblem[]): RestError {
  const lines = problems.map(problemText);
  return new RestError(
    400,
    `Connector configuration is invalid and contains the following ${problems.length} error(s):\n${lines.join('\n')}\n` +
      'You can also find the above list of errors at the endpoint ' +
      '`/connector-plugins/{connectorType}/config/validate`',
  );
}

/** A problem as one line. The nearest key is added unless the message names it already. */
export function problemText({ message, nearest }: ConfigProblem): string {
  return nearest === undefined || message.includes(nearest)
    ? message
    : `${message} (did you mean ${nearest}?)`;
}
