import { LabError } from '../contract/errors.ts';
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

/** The error to report: what PostgreSQL or Kafka says, with a remedy if one is known. */
export function explain(error: unknown): Error {
  if (!(error instanceof Error)) return new Error(String(error));
  const code = sqlState(error);
  if (error.message === '')
    return new Error(String((error as { code?: unknown }).code ?? error.name), { cause: error });
  if (code === '28P01' || code === '28000') {
    return new LabError('CDC-1200', `The source refused the login: ${error.message}.`, {
      cause: error,
      remedy:
        'Check database.user, database.password and pg_hba.conf, which needs a separate line for replication.',
    });
  }
  if (code === '42501') {
    return new LabError('CDC-1201', `The source denied permission: ${error.message}.`, {
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
