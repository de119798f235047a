import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { UsageError } from '../errors.ts';
import { defineRecovery } from '../plugins/recovery.ts';
import { applyRepair, isWrite, repairsIn } from './lib/apply-repair.ts';

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
    const writes = statements.filter(isWrite);
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
    const matched = await applyRepair(instance, statements);
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
  return repairsIn(text, file);
}
