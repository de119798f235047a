import pg from 'pg';
import { connectionOptions } from '../../../verifier/connection/connection-string.ts';
import { UsageError } from '../../errors.ts';
import type { Instance } from '../../lab/lab.ts';
import { splitSql } from './split-sql.ts';

const WRITES = /^(UPDATE|DELETE|INSERT)\b/i;
/** They frame the repair, and are the action's to give. */
const FRAME = /^(BEGIN|START\s+TRANSACTION|COMMIT|END)$/i;
/** What a repair consists of besides. */
const SETTING =
  /^(SET\b|SELECT\s+pg_catalog\.set_config|SELECT\s+set_config|ALTER\s+TABLE\b[\s\S]*\bALTER\s+CONSTRAINT\b)/i;

/** Whether the statement changes rows. */
export const isWrite = (statement: string): boolean => WRITES.test(statement);

/**
 * The statements of a repair, without those that frame it.
 * @throws UsageError if one of them is no repair of named rows, or if there is nothing to apply.
 */
export function repairsIn(text: string, where: string): string[] {
  const statements = splitSql(text).filter((statement) => !FRAME.test(statement));
  const odd = statements.find((statement) => !isRepair(statement));
  if (odd !== undefined) {
    throw new UsageError(
      `${where} has a statement that is no repair of rows that it names: ${firstWords(odd)}`,
      'UPDATE and DELETE need a WHERE that names the row; run anything else yourself: cdc-lab sql sink',
    );
  }
  if (statements.some(isWrite)) return statements;
  throw new UsageError(`${where} has nothing to apply`, 'cdc-lab verify --repair FILE writes one');
}

function isRepair(statement: string): boolean {
  if (SETTING.test(statement)) return true;
  return /^INSERT\b/i.test(statement) || (WRITES.test(statement) && /\bWHERE\b/i.test(statement));
}

/**
 * Runs the statements on the sink in one transaction. Rows that each writing statement matched.
 * @throws UsageError, after a rollback, for a statement that matched none.
 */
export async function applyRepair(
  { sinkUrl, reach }: Instance,
  statements: readonly string[],
): Promise<number[]> {
  const client = new pg.Client({
    ...connectionOptions(sinkUrl, 'sink.password'),
    application_name: 'cdc-lab-repair',
    ...(reach?.readOnly === true ? { options: '-c default_transaction_read_only=on' } : {}),
  });
  client.on('error', () => undefined);
  await client.connect();
  try {
    await client.query('BEGIN');
    const matched: number[] = [];
    for (const statement of statements) {
      const { rowCount } = await client.query(statement);
      if (!isWrite(statement)) continue;
      if (rowCount === 0) throw notFound(statement);
      matched.push(rowCount ?? 0);
    }
    await client.query('COMMIT');
    return matched;
  } finally {
    // Ends an open transaction without a commit.
    await client.end();
  }
}

function notFound(statement: string): UsageError {
  return new UsageError(
    `Nothing was committed: a statement found no row as it expects it: ${firstWords(statement)}`,
    'the sink has changed since the file was written: verify again, with --repair into a new file',
  );
}

/** Without the values, which are not for a log. */
function firstWords(statement: string): string {
  return `${statement.split(/\s+/).slice(0, 3).join(' ')} …`;
}
