import { escapeIdentifier, escapeLiteral } from 'pg';

/** `"name"`, safe in SQL and in replication commands. */
export const quoteIdentifier: (name: string) => string = escapeIdentifier;

/** `'text'`, for replication commands, which take no parameters. */
export const quoteLiteral: (text: string) => string = escapeLiteral;

export interface TableName {
  readonly schema: string;
  readonly table: string;
}

export function quoteTable(table: TableName): string {
  return `${quoteIdentifier(table.schema)}.${quoteIdentifier(table.table)}`;
}
