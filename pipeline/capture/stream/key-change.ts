import { NEW_KEY_HEADER, OLD_KEY_HEADER } from '../../contract/envelope.ts';
import { LabError } from '../../contract/errors.ts';
import { type TupleValue, UNCHANGED_TOAST, type UpdateMessage } from '../../contract/pgoutput.ts';
import type { ProducedRecord } from '../../contract/records.ts';
import { quoteTable } from '../source/sql.ts';
import type { Relation } from './relations.ts';

/** True if the update carries the old key and changes it: Debezium then publishes a delete and a create. */
export function keyChanges(relation: Relation, { before, after }: UpdateMessage): boolean {
  return (
    before !== null && relation.keyIndexes.some((i) => before[i] !== null && differs(before[i], after[i]))
  );
}

/** PostgreSQL sends the old key also if the key did not change and is TOASTed: the new row has it as unchanged then. */
function differs(before: TupleValue | undefined, after: TupleValue | undefined): boolean {
  return before !== after && after !== UNCHANGED_TOAST;
}

/** True for the delete or the create of a changed key whose operation is skipped (`skipped.operations`). */
export function isSkippedHalf({ headers }: ProducedRecord, skipped: ReadonlySet<string>): boolean {
  return (
    (skipped.has('d') && headers.has(NEW_KEY_HEADER)) || (skipped.has('c') && headers.has(OLD_KEY_HEADER))
  );
}

/**
 * A changed key makes a new row, which needs every value. An unchanged TOASTed value is not in the WAL.
 * @throws LabError CDC-1122 if such a value is missing.
 */
export function refuseLostToast(relation: Relation, message: UpdateMessage): void {
  const { before, beforeKind, after } = message;
  if (before === null || beforeKind !== 'key') return;
  if (!relation.keyIndexes.some((i) => differs(before[i], after[i]))) return;
  const lost = after.indexOf(UNCHANGED_TOAST);
  if (lost < 0) return;
  const { schema, table, columns } = relation.message;
  throw new LabError(
    'CDC-1122',
    `An update changed a primary key of ${schema}.${table} and left the TOASTed column ` +
      `"${columns[lost]?.name ?? lost}" unchanged: the WAL does not hold the value that the row needs under its new key.`,
    {
      remedy:
        `ALTER TABLE ${quoteTable({ schema, table })} REPLICA IDENTITY FULL. The WAL lacks the value of this change, ` +
        'so stop the connector, remove its offsets and its slot, and start it for a new snapshot.',
    },
  );
}
