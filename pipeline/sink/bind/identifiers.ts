import type { JsonObject } from '../decode/json.ts';
import { RecordError } from '../decode/record-error.ts';

/** PostgreSQL cuts longer names off, silently: two of them could become one. */
const MAX_IDENTIFIER_BYTES = 63;

/** @throws RecordError where PostgreSQL cannot hold the name. */
export function checkIdentifier(name: string): string {
  if (name === '' || name.includes('\0') || Buffer.byteLength(name) > MAX_IDENTIFIER_BYTES) {
    throw new RecordError(`'${name.slice(0, 80)}' cannot be a name in PostgreSQL (1 to 63 bytes, no NUL)`);
  }
  return name;
}

export function quoteIdentifier(name: string): string {
  return `"${checkIdentifier(name).replaceAll('"', '""')}"`;
}

export function quoteLiteral(text: string): string {
  return text.includes('\\')
    ? ` E'${text.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`
    : `'${text.replaceAll("'", "''")}'`;
}

/** A table of the sink: schema and name. */
export interface TableName {
  readonly schema: string;
  readonly table: string;
  /** `public.customers`: in metrics, counts and bookkeeping tables. */
  readonly qualified: string;
  /** Quoted, for statements. */
  readonly sql: string;
}

/**
 * The sink's table for a record, by `collection.name.format`: `${topic}` (dots become underscores, as in Debezium),
 * `${source.FIELD}`. A dot in the format itself parts schema and table.
 * @param defaultSchema Of a table whose name has no schema.
 */
export function tableNameOf(
  format: string,
  topic: string,
  source: JsonObject,
  defaultSchema: string,
): TableName {
  const parts = format.split('.').length === 1 ? [format] : splitFormat(format);
  const filled = parts.map((part) =>
    part.replace(/\$\{([^}]*)\}/g, (_, name: string) => {
      if (name === 'topic') return topic.replaceAll('.', '_');
      const value = name.startsWith('source.') ? source[name.slice('source.'.length)] : undefined;
      if (typeof value !== 'string')
        throw new RecordError(`the record has no \${${name}} to name its table by`);
      return value;
    }),
  );
  const [schema, table] = filled.length === 2 ? filled : [defaultSchema, filled[0]];
  if (filled.length > 2 || schema === undefined || table === undefined) {
    throw new RecordError(`collection.name.format '${format}' has more than two parts`);
  }
  const sql = `${quoteIdentifier(schema)}.${quoteIdentifier(table)}`;
  return { schema, table, qualified: `${schema}.${table}`, sql };
}

/** Parts at the dots outside of `${…}`. */
function splitFormat(format: string): string[] {
  return format.split(/\.(?![^{]*\})/);
}

/** `public.customers` for the topic `PREFIX.public.customers`: what metrics of a topic are labelled with. */
export function labelOf(topic: string): string {
  const parts = topic.split('.');
  return parts.length >= 3 ? parts.slice(-2).join('.') : topic;
}
