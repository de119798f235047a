import { BOOKKEEPING_TABLES, bookedName } from '../../contract/sink-tables.ts';
import type { JsonObject } from '../decode/json.ts';
import { RecordError } from '../decode/record-error.ts';
import type { SinkEvent } from '../decode/record-parser.ts';
import { quoteIdentifier } from './quoting.ts';

/** The name of a table in the sink. */
export interface TableName {
  readonly schema: string;
  readonly table: string;
  /** `public.customers`, see {@link bookedName}: used in metrics, counters and bookkeeping tables. */
  readonly qualified: string;
  /** Quoted, for statements. */
  readonly sql: string;
}

/**
 * The sink's table for a record, as `collection.name.format` says: `${topic}` (dots become underscores, as in Debezium),
 * `${source.FIELD}`. A dot outside of `${…}` separates schema and table.
 * @param defaultSchema the schema of a name without one.
 * @throws RecordError if the record lacks a field of the format, or the result is not a valid name.
 */
export function tableNameOf(
  format: string,
  topic: string,
  source: JsonObject,
  defaultSchema: string,
): TableName {
  const parts = format.split(/\.(?![^{]*\})/);
  const filled = parts.map((part) =>
    part.replace(/\$\{([^}]*)\}/g, (_, name: string) => {
      if (name === 'topic') return topic.replaceAll('.', '_');
      const value = name.startsWith('source.') ? source[name.slice('source.'.length)] : undefined;
      if (typeof value !== 'string')
        throw new RecordError(`the record has no \${${name}}, which collection.name.format uses`);
      return value;
    }),
  );
  const [schema, table] = filled.length === 2 ? filled : [defaultSchema, filled[0]];
  if (filled.length > 2 || schema === undefined || table === undefined) {
    throw new RecordError(`collection.name.format '${format}' has more than two parts`);
  }
  if (schema === defaultSchema && BOOKKEEPING_TABLES.has(table)) {
    throw new RecordError(
      `the sink keeps its own data in ${schema}.${table}: give the copy another name with collection.name.format`,
    );
  }
  const sql = `${quoteIdentifier(schema)}.${quoteIdentifier(table)}`;
  return { schema, table, qualified: bookedName(schema, table), sql };
}

/** `public.customers` for the topic `PREFIX.public.customers`: the label of a topic's metrics. */
export function labelOf(topic: string): string {
  const parts = topic.split('.');
  return parts.length >= 3 ? parts.slice(-2).join('.') : topic;
}

const NOT_NAMED = {
  topic: '',
  schema: null,
  table: null,
  name: { schema: '', table: '', qualified: '', sql: '' },
};

/** {@link tableNameOf} for events, computed once per topic and source table. */
export class TableNames {
  readonly #format: string;
  readonly #defaultSchema: string;
  readonly #names = new Map<string, TableName>();
  #last: { topic: string; schema: unknown; table: unknown; name: TableName } = NOT_NAMED;

  constructor(format: string, defaultSchema: string) {
    this.#format = format;
    this.#defaultSchema = defaultSchema;
  }

  /** @throws RecordError as {@link tableNameOf}. */
  of(event: SinkEvent): TableName {
    const { topic } = event.record;
    if (event.kind === 'tombstone') return this.#ofTombstone(topic);
    const { source } = event;
    const last = this.#last;
    if (last.topic === topic && last.schema === source.schema && last.table === source.table)
      return last.name;
    const name = this.ofSource(topic, source);
    this.#last = { topic, schema: source.schema, table: source.table, name };
    return name;
  }

  /** A tombstone has no source block: its table is the topic's last one, or the one that the topic is named after. */
  #ofTombstone(topic: string): TableName {
    const known = this.#names.get(topic);
    if (known !== undefined) return known;
    const parts = topic.split('.');
    return this.#nameOf(topic, { schema: parts.at(-2), table: parts.at(-1) });
  }

  #nameOf(topic: string, source: JsonObject): TableName {
    return tableNameOf(this.#format, topic, source, this.#defaultSchema);
  }

  /** @throws RecordError as {@link tableNameOf}. */
  ofSource(topic: string, source: JsonObject): TableName {
    // A routing transform can put several tables in one topic.
    const id = `${topic}\0${String(source.schema)}\0${String(source.table)}`;
    const name = this.#names.get(id) ?? this.#nameOf(topic, source);
    this.#names.set(id, name);
    this.#names.set(topic, name);
    return name;
  }
}
