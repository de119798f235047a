import { LabError } from '../../contract/errors.ts';
import { addedByPostgres, messageWithoutValues } from '../../contract/postgres-said.ts';
import { tlsRefusal } from '../../contract/tls-refusal.ts';

/** SQLSTATE classes of errors that pass: the same statement may succeed later. */
const TRANSIENT_CLASSES = ['08', '53', '57', '58', '40', '55', '25'];

function sqlState(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null)?.code;
  // EPIPE and EPERM look like one.
  return typeof code === 'string' && /^(?!E[A-Z])[0-9A-Z]{5}$/.test(code) ? code : undefined;
}

/** True if the database is down, restarting or full, or a lock is held. */
export function isTransient(error: unknown): boolean {
  // Node's codes of TLS begin with E, too.
  if (tlsRefusal(error) !== null) return false;
  const state = sqlState(error);
  if (state !== undefined) return TRANSIENT_CLASSES.includes(state.slice(0, 2));
  const code = (error as { code?: unknown } | null)?.code;
  if (typeof code === 'string' && /^(E[A-Z_]+|XX\d{3})$/.test(code)) return true;
  const message = error instanceof Error ? error.message : '';
  return /Connection terminated|timeout (expired|exceeded)|Query read timeout|not queryable|Client was closed|connect(ion)? (timeout|ended)/i.test(
    message,
  );
}

/**
 * The component to wait for after an error; null if the error will not pass by itself. Work on the database can ask the
 * broker too (taking a partition over does): the codes of the Kafka client library tell the two apart.
 */
export function toWaitFor(work: 'database' | 'broker', error: unknown): 'database' | 'broker' | null {
  if (error instanceof LabError) return null;
  const code = (error as { code?: unknown } | null)?.code;
  const isBroker = typeof code === 'string' && code.startsWith('PLT_KFK_');
  if (work === 'broker' || isBroker) return 'broker';
  return isTransient(error) ? 'database' : null;
}

/** True for a value that does not fit or violates a constraint: one of the records is poison, now and on a retry. */
export function isDataError(error: unknown): boolean {
  const state = sqlState(error);
  if (state === undefined) return false;
  // 42804, 42846: no cast from the value's type to the column's. 54000: an index row or a tuple is too large.
  return ['22', '23', '21', '54'].includes(state.slice(0, 2)) || ['42804', '42846', '0A000'].includes(state);
}

/** True if the table's structure is not what the sink remembers. */
export function isStructureError(error: unknown): boolean {
  const state = sqlState(error);
  return state !== undefined && ['42P01', '42703', '42P10', '42704', '3F000'].includes(state);
}

/**
 * The error that the task fails with: what PostgreSQL says, with a code and a remedy.
 * @param work What the statement was for, such as the partition whose batch it belongs to.
 */
export function explain(error: unknown, work = 'a statement'): unknown {
  if (!(error instanceof Error) || error instanceof LabError) return error;
  const cause = error;
  const state = sqlState(error);
  const tls = tlsRefusal(error);
  if (tls !== null) {
    const message = `The sink database cannot be reached: ${tls.why}.`;
    return new LabError('CDC-2024', message, {
      remedy: `${tls.remedy} See sslmode in connection.url.`,
      cause,
    });
  }
  switch (state) {
    case '28P01':
    case '28000':
      return new LabError('CDC-2021', `The sink database refuses the login: ${error.message}.`, {
        remedy: /no encryption|SSL off/.test(error.message)
          ? 'The server requires TLS: add sslmode=verify-full to connection.url.'
          : 'Check connection.username, connection.password and pg_hba.conf.',
        cause,
      });
    case '3D000':
      return new LabError('CDC-2022', `There is no such sink database: ${error.message}.`, {
        remedy: 'Check connection.url.',
        cause,
      });
    case '42501':
      return new LabError('CDC-2023', `The sink database refuses ${work}: ${error.message}.`, {
        remedy:
          'The user needs CREATE on the schema, and must own the tables or have the right to write to them.',
        cause,
      });
    default:
      if (state === undefined) return error;
      return new LabError(
        'CDC-2026',
        `The sink database refuses ${work}: ${saidBy(error)} (SQLSTATE ${state}).`,
        {
          remedy: 'Correct what PostgreSQL names, then restart the task.',
          cause,
        },
      );
  }
}

/** PostgreSQL's message with the table, and what it adds. */
function saidBy(error: Error): string {
  const { schema, table } = error as Partial<Record<'schema' | 'table', unknown>>;
  const place =
    typeof table === 'string' && !error.message.includes(table) ? `${String(schema)}.${table}: ` : '';
  return [`${place}${messageWithoutValues(error)}`, ...addedByPostgres(error)].join(' ');
}
