import { LabError } from '../../contract/errors.ts';
import type { TableName } from '../source/publication.ts';
import { quoteTable } from '../source/sql.ts';

/** What stops the stream when the new row of a changed key lacks a value that nothing in the log holds. */
export function lostToastValue(table: TableName, column: string): LabError {
  return new LabError(
    'CDC-1122',
    `A primary key of ${table.schema}.${table.table} was changed beside an unchanged TOASTed "${column}": ` +
      'the WAL does not hold the value that the row under the new key must have.',
    {
      remedy:
        `ALTER TABLE ${quoteTable(table)} REPLICA IDENTITY FULL; the change itself is lost to the log, so ` +
        'stop the connector, remove its offsets and its slot, and start it for a new snapshot.',
    },
  );
}
