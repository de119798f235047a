import { LabError } from '../contract/errors.ts';
import { isKafkaError, permanentKafkaError } from './publish/kafka-clients.ts';

/** SQLSTATEs (or their classes) that another attempt may cure: manual, appendix A. */
const TRANSIENT = ['08', '40', '53', '55006', '55P03', '57', '58', 'XX000', '25', '22023'];

/**
 * Is it worth trying again? A {@link LabError} needs a person. Else: a database or broker that is away or
 * busy is transient; a refusal (permission, authentication, syntax) and an error of this program are not.
 */
export function isTransient(error: unknown): boolean {
  if (error instanceof LabError) return error.code === 'CDC-1010';
  if (!(error instanceof Error)) return false;
  if (isKafkaError(error)) return permanentKafkaError(error) === undefined;
  if (error instanceof TypeError || error instanceof RangeError || error instanceof SyntaxError) return false;
  const state = sqlState(error);
  return state === undefined || TRANSIENT.some((prefix) => state.startsWith(prefix));
}

/**
 * SQLSTATE of an error that PostgreSQL sent; undefined for any other, also for `EPIPE`, which looks like one.
 */
export function sqlState(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('severity' in error)) return undefined;
  const { code } = error as { code?: unknown };
  return typeof code === 'string' ? code : undefined;
}

/** The error to fail with: what PostgreSQL and Kafka say, with the next step where it is known. */
export function explain(error: unknown): Error {
  if (!(error instanceof Error)) return new Error(String(error));
  const code = sqlState(error);
  if (error.message === '')
    return new Error(String((error as { code?: unknown }).code ?? error.name), { cause: error });
  if (code === '28P01' || code === '28000') {
    return new LabError('CDC-1200', `The source refuses the login: ${error.message}.`, {
      cause: error,
      remedy:
        'Look at database.user, database.password and pg_hba.conf (replication needs a line of its own).',
    });
  }
  if (code === '42501') {
    return new LabError('CDC-1201', `The source refuses it: ${error.message}.`, {
      cause: error,
      remedy:
        'The user needs REPLICATION, SELECT on the captured tables, and CREATE on the database to make a publication.',
    });
  }
  if (code === '3D000') {
    return new LabError('CDC-1202', `The source has no such database: ${error.message}.`, {
      cause: error,
      remedy: 'Look at database.dbname.',
    });
  }
  if (code === '55000' && /invalidated|can no longer|lost/.test(error.message)) {
    return new LabError('CDC-1103', `The slot is lost: ${error.message}.`, {
      cause: error,
      remedy: 'Remove the offsets and the slot, raise max_slot_wal_keep_size, and start for a new snapshot.',
    });
  }
  return error;
}
