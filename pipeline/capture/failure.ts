import { LabError } from '../contract/errors.ts';
import { addedByPostgres, messageWithoutValues } from '../contract/postgres-said.ts';
import { START_OVER } from '../contract/remedies.ts';
import { tlsRefusal } from '../contract/tls-refusal.ts';
import { isKafkaError, permanentKafkaError } from './publish/kafka-clients.ts';

/** SQLSTATEs, or their first characters, that a retry may cure: manual, appendix A. */
const TRANSIENT = ['08', '40', '53', '55006', '55P03', '57', '58', 'XX000', '25', '22023'];

/**
 * True if a retry may help. A {@link LabError} needs a person. Otherwise, a database or broker that is down or busy is
 * transient; a refusal (permission, authentication, syntax) and an error of this program are not.
 */
export function isTransient(error: unknown): boolean {
  if (error instanceof LabError) return error.code === 'CDC-1010';
  if (!(error instanceof Error)) return false;
  if (isKafkaError(error)) return permanentKafkaError(error) === undefined;
  if (error instanceof TypeError || error instanceof RangeError || error instanceof SyntaxError) return false;
  const state = sqlState(error);
  return state === undefined || TRANSIENT.some((prefix) => state.startsWith(prefix));
}

/** SQLSTATE of an error that PostgreSQL sent; undefined for any other, even for `EPIPE`, which looks like one. */
export function sqlState(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('severity' in error)) return undefined;
  const { code } = error as { code?: unknown };
  return typeof code === 'string' ? code : undefined;
}

/**
 * The error to report: what PostgreSQL or Kafka says, with a remedy if one is known.
 * @param role With which the capture logs in.
 */
export function explain(error: unknown, role: string): Error {
  if (!(error instanceof Error)) return new Error(String(error));
  const code = sqlState(error);
  if (error.message === '')
    return new Error(String((error as { code?: unknown }).code ?? error.name), { cause: error });
  const tls = isKafkaError(error) ? null : tlsRefusal(error);
  if (tls !== null) {
    return new LabError('CDC-1203', `The source cannot be reached: ${tls.why}.`, {
      cause: error,
      remedy: `${tls.remedy} See database.sslmode.`,
    });
  }
  if (code === '28P01' || code === '28000') {
    return new LabError('CDC-1200', `The source refused the login: ${error.message}.`, {
      cause: error,
      remedy:
        'Check database.user, database.password and pg_hba.conf, which needs a separate line for replication.',
    });
  }
  if (code === '42501') {
    // Its detail names the right that is missing, such as the REPLICATION attribute.
    const said = [`${error.message}.`, ...addedByPostgres(error)].join(' ');
    return new LabError('CDC-1201', `The source denied permission to the role "${role}": ${said}`, {
      cause: error,
      remedy:
        'The user needs REPLICATION, SELECT on the captured tables (and BYPASSRLS if they have row-level security), and ' +
        'CREATE on the database to create a publication.',
    });
  }
  if (code === '3D000') {
    return new LabError('CDC-1202', `The source has no such database: ${error.message}.`, {
      cause: error,
      remedy: 'Check database.dbname.',
    });
  }
  if (code === '55000' && /invalidated|can no longer|lost/.test(error.message)) {
    return new LabError('CDC-1103', `The slot is lost: ${error.message}.`, {
      cause: error,
      remedy:
        'Stop the connector, remove its offsets and its slot, raise max_slot_wal_keep_size, and start it for a new snapshot.',
    });
  }
  return error;
}

/**
 * The error that a task ends with: one of a library or of PostgreSQL gets a code and a remedy. An error of this program
 * (a TypeError and the like) stays as it is, so that its stack is in the trace.
 * @param attempts Number of attempts that failed in a row.
 */
export function finalError(error: Error, attempts: number): Error {
  if (error instanceof LabError) return error;
  const said = messageWithoutValues(error).replace(/\.$/, '');
  const after = attempts > 1 ? ` ${attempts} times in a row` : '';
  const retries = 'errors.max.retries bounds the attempts (-1: no bound)';
  if (isKafkaError(error)) {
    const refusal = permanentKafkaError(error);
    return refusal === undefined
      ? new LabError('CDC-1042', `Kafka did not answer${after}: ${said}.`, {
          cause: error,
          remedy: `Check that the brokers are up and reachable from the worker; ${retries}.`,
        })
      : new LabError('CDC-1043', `Kafka refused a request: ${refusal}.`, {
          cause: error,
          remedy: 'Correct what the broker names, then restart the task.',
        });
  }
  const state = sqlState(error);
  if (state === '42704' && /publication/.test(said)) {
    return new LabError('CDC-1116', `The stream cannot be decoded: ${said}.`, {
      cause: error,
      remedy:
        'The slot reads changes from before the publication was created, or it was dropped. A new publication does not ' +
        `cover them: ${START_OVER}.`,
    });
  }
  if (state !== undefined && !isTransient(error)) {
    return new LabError('CDC-1205', `The source refused a statement: ${said} (SQLSTATE ${state}).`, {
      cause: error,
      remedy: [...addedByPostgres(error), 'Correct what PostgreSQL names, then restart the task.'].join(' '),
    });
  }
  if (!isTransient(error)) return error;
  return new LabError('CDC-1204', `The source failed or did not answer${after}: ${said}.`, {
    cause: error,
    remedy: `Check database.hostname and database.port, and the log of the source; ${retries}.`,
  });
}
