import { readFileSync } from 'node:fs';
import pg from 'pg';
import { z } from 'zod';
import { connectionOptions } from '../../verifier/connection/connection-string.ts';
import { UsageError } from '../errors.ts';
import type { Instance } from '../lab/lab.ts';
import { defineRecovery } from '../plugins/recovery.ts';
import { splitSql } from './lib/split-sql.ts';

const WRITES = /^(UPDATE|DELETE|INSERT)\b/i;
/** They frame the repair, and are the action's to give. */
const FRAME = /^(BEGIN|START\s+TRANSACTION|COMMIT|END)$/i;
/** What a repair consists of besides. */
const SETTING =
  /^(SET\b|SELECT\s+pg_catalog\.set_config|SELECT\s+set_config|ALTER\s+TABLE\b[\s\S]*\bALTER\s+CONSTRAINT\b)/i;

/**
 * The file says which row it expects, by its old image. A statement that finds no such row shows that the sink has moved
 * on: then the whole repair is of yesterday, and none of it is committed.
 */
export default defineRecovery({
  description:
    'run a file of repairs, as cdc-lab verify --repair writes it, on the sink: all of it, or nothing',
  params: z.strictObject({ file: z.string().min(1) }),
  example: { file: 'mend.sql' },
  safeWhen: 'the file was reviewed, and the sink is idle: each statement names the row that it expects',
  loses: 'the values that the statements overwrite, and the rows that they delete',
  undo: 'there is none but a snapshot of the tables: the old values stand in the file',
  isOneStep: true,

  typed: ({ file }) => ['repair', 'apply', file],

  async plan(_, { file }) {
    const statements = statementsIn(file);
    const writes = statements.filter((statement) => WRITES.test(statement));
    return {
      does: [
        `runs ${writes.length} statements on the sink in one transaction, each of which must find its row`,
      ],
      commands: ['BEGIN;', ...statements.map((statement) => `${statement};`), 'COMMIT;'],
      loses: `${writes.length} rows of the sink are changed or deleted.`,
      undo: null,
    };
  },

  async run({ instance }, { file }) {
    const statements = statementsIn(file);
    const matched = await applyAll(instance, statements);
    const rows = matched.reduce((sum, count) => sum + count, 0);
    return {
      said: `${matched.length} statements changed ${rows} rows of the sink`,
      evidence: { file, rows },
    };
  },
});

/** @throws UsageError for a file that cannot be read, or that has a statement which is no repair of named rows. */
function statementsIn(file: string): string[] {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    const said = error instanceof Error ? error.message : String(error);
    throw new UsageError(`${file} cannot be read: ${said}`, 'cdc-lab verify --repair FILE writes one');
  }
  const statements = splitSql(text).filter((statement) => !FRAME.test(statement));
  const odd = statements.find((statement) => !isRepair(statement));
  if (odd !== undefined) {
    throw new UsageError(
      `${file} has a statement that is no repair of rows that it names: ${firstWords(odd)}`,
      'UPDATE and DELETE need a WHERE that names the row; run anything else yourself: cdc-lab sql sink',
    );
  }
  if (statements.some((statement) => WRITES.test(statement))) return statements;
  throw new UsageError(`${file} has nothing to apply`, 'cdc-lab verify --repair FILE writes one');
}

function isRepair(statement: string): boolean {
  if (SETTING.test(statement)) return true;
  return /^INSERT\b/i.test(statement) || (WRITES.test(statement) && /\bWHERE\b/i.test(statement));
}

/**
 * Rows that each writing statement matched.
 * @throws UsageError, after a rollback, for a statement that matched none.
 */
async function applyAll({ sinkUrl, reach }: Instance, statements: readonly string[]): Promise<number[]> {
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
      if (!WRITES.test(statement)) continue;
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
