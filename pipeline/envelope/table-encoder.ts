import type { EncoderConfig } from '../contract/envelope.ts';
import { LabError } from '../contract/errors.ts';
import { type Tuple, UNCHANGED_TOAST } from '../contract/pgoutput.ts';
import { LEAVE_OUT, START_OVER } from '../contract/remedies.ts';
import type { ColumnDescription, TableDescription } from '../contract/table.ts';
import { defaultJson } from './column-default.ts';
import { type ConnectField, envelopeSchema, keySchema, schemaJson } from './connect-schema.ts';
import type { FastPathTable } from './fast-path-encoder.ts';
import { quote } from './json.ts';
import { topicName } from './topic-name.ts';
import { mappingOf } from './types/mapping-of.ts';
import type { TypeMapping } from './types/type-mapping.ts';

interface Column {
  readonly name: string;
  /** Position in the tuple. */
  readonly index: number;
  /** `"name":`. */
  readonly label: string;
  readonly mapping: TypeMapping;
  /** JSON that is written for NULL. */
  readonly nullJson: string;
  /** JSON of values that a reader could take for the placeholder of an unchanged TOAST value. */
  readonly lookalikes: readonly string[];
}

/** A row as JSON. */
export interface RowJson {
  readonly json: string;
  /** A value that was sent could be taken for the placeholder of one that was not. */
  readonly hasLookalike: boolean;
}

/** A table, prepared once so that each row costs little: fragments of JSON, and functions per column. */
export class TableEncoder {
  readonly name: string;
  readonly topic: string;
  /** `,"schema":"…","table":"…"` of the source block. */
  readonly sourceFragment: string;
  /** JSON of the value before its payload; null with `schemas.enable=false`. */
  readonly valueHead: Buffer | null;
  readonly fastPath: FastPathTable;
  readonly #keyHead: string;
  readonly #keyTail: string;
  readonly #columns: readonly Column[];
  /** In the order of the primary key's definition. */
  readonly #keyColumns: readonly Column[];
  readonly #description: TableDescription;
  readonly #config: EncoderConfig;

  /** @throws LabError CDC-1302 if a column's type is not supported. */
  constructor(table: TableDescription, config: EncoderConfig) {
    this.#description = table;
    this.#config = config;
    this.name = `${table.schema}.${table.table}`;
    this.topic = topicName(config.topicPrefix, table.schema, table.table);
    this.sourceFragment = `,"schema":${quote(table.schema)},"table":${quote(table.table)}`;
    const fields: ConnectField[] = [];
    this.#columns = table.columns.map((column, index) => {
      const mapping = mappingOf(column, config) ?? refuseType(this.name, column);
      const constant = defaultJson(column, mapping);
      fields.push({
        ...mapping.schema,
        optional: !column.notNull,
        ...(constant === null ? {} : { default: constant }),
        field: column.name,
      });
      return {
        name: column.name,
        index,
        label: `${quote(column.name)}:`,
        mapping,
        nullJson: column.notNull ? (constant ?? mapping.fallback) : 'null',
        lookalikes: lookalikesOf(mapping, config),
      };
    });
    const ranked = table.columns
      .map((column, index) => ({ rank: column.keyRank, index }))
      .filter(({ rank }) => rank > 0)
      .sort((a, b) => a.rank - b.rank);
    this.#keyColumns = ranked.flatMap(({ index }) => this.#columns[index] ?? []);
    const keyFields = ranked.flatMap(({ index }) => fields[index] ?? []);
    const { schemasEnable } = config;
    this.valueHead = schemasEnable.value ? head(schemaJson(envelopeSchema(this.topic, fields))) : null;
    this.#keyHead = schemasEnable.key ? head(schemaJson(keySchema(this.topic, keyFields))).toString() : '';
    this.#keyTail = schemasEnable.key ? '}' : '';
    this.fastPath = this.#fastPathTable();
  }

  #fastPathTable(): FastPathTable {
    return {
      topic: this.topic,
      hasKey: this.hasKey,
      columns: this.#columns.map(({ label, nullJson, mapping, lookalikes }) => ({
        label: Buffer.from(label),
        nullJson: Buffer.from(nullJson),
        lookalikes,
        copiedLookalike: Buffer.from(lookalikes[0] ?? ''),
        copy: mapping.copy,
        encode: withoutLoss(mapping),
      })),
      keyIndexes: this.#keyColumns.map(({ index }) => index),
      keyHead: Buffer.from(this.#keyHead),
      keyTail: Buffer.from(this.#keyTail),
      valueHead: this.valueHead ?? Buffer.alloc(0),
      valueTail: Buffer.from(this.valueHead === null ? '' : '}'),
      sourceFragment: this.sourceFragment,
    };
  }

  get hasKey(): boolean {
    return this.#keyColumns.length > 0;
  }

  /**
   * A table that can hold this row. A complete row with NULL in a NOT NULL column was written before the column became
   * NOT NULL, which the catalogue does not tell: the column is optional then, and its value is NULL, no substitute. A label
   * that the enum did not have, or no longer had, when the catalogue was read is added to its labels.
   * @param row A new row, an old one, or an old key.
   * @param isComplete False for an old key, whose other columns are NULL.
   */
  fitting(row: Tuple, isComplete: boolean): TableEncoder {
    const { columns } = this.#description;
    const lacksNull = (i: number) => isComplete && row[i] === null && columns[i]?.notNull === true;
    const labelsOf = (i: number) => {
      const value = row[i];
      return typeof value === 'string' ? (this.#columns[i]?.mapping.unlisted?.(value) ?? []) : [];
    };
    if (!columns.some((_, i) => lacksNull(i) || labelsOf(i).length > 0)) return this;
    const fitting = columns.map((column, i) => {
      if (lacksNull(i)) return { ...column, notNull: false };
      const labels = labelsOf(i);
      if (labels.length === 0) return column;
      return { ...column, enumLabels: [...new Set([...(column.enumLabels ?? []), ...labels])] };
    });
    return new TableEncoder({ ...this.#description, columns: fitting }, this.#config);
  }

  /**
   * A row as JSON. An unchanged TOAST value that was not sent is taken from the old row, or replaced by a
   * placeholder.
   * @throws LabError CDC-1303 if a column's Connect type cannot hold the value; CDC-1304 if the row and the
   * description have different numbers of columns; CDC-1306 if the type of an unchanged TOAST value has no
   * placeholder.
   */
  row(row: Tuple, old: Tuple | null): RowJson {
    const columns = this.#columns;
    if (row.length !== columns.length) throw outOfDate(this.name, row.length, columns.length);
    let json = '{';
    let hasLookalike = false;
    for (let i = 0; i < row.length; i += 1) {
      const column = columns[i] as Column;
      const value = this.#value(column, row, old);
      json += i === 0 ? column.label : `,${column.label}`;
      json += value;
      hasLookalike ||= column.lookalikes.includes(value) && !isUnchanged(column, row, old);
    }
    return { json: `${json}}`, hasLookalike };
  }

  /** Names of the columns that hold the placeholder, as JSON: the value of `UNCHANGED_HEADER`. */
  unchanged(row: Tuple, old: Tuple | null): string {
    const unchanged = this.#columns.filter((column) => isUnchanged(column, row, old));
    return JSON.stringify(unchanged.map(({ name }) => name));
  }

  /**
   * The key's payload as JSON; null for a table without a primary key.
   * @throws LabError CDC-1305 if a part is missing.
   */
  key(row: Tuple, old: Tuple | null): string | null {
    if (this.#keyColumns.length === 0) return null;
    let json = '{';
    for (const column of this.#keyColumns) {
      const value = row[column.index] === UNCHANGED_TOAST ? old?.[column.index] : row[column.index];
      if (typeof value !== 'string') throw keyMissing(this.name, column.name);
      if (json.length > 1) json += ',';
      json += column.label + this.#encode(column, value);
    }
    return `${json}}`;
  }

  /** The key as Connect's SimpleHeaderConverter writes a struct. @throws LabError CDC-1305 if a part is missing. */
  keyHeader(row: Tuple, old: Tuple | null): string {
    const fields = this.#keyColumns.map((column) => {
      const value = row[column.index] === UNCHANGED_TOAST ? old?.[column.index] : row[column.index];
      if (typeof value !== 'string') throw keyMissing(this.name, column.name);
      return column.label + (column.mapping.headerEncode ?? column.mapping.encode)(value);
    });
    return `{${fields.join(',')}}`;
  }

  /** The record's key, made from the key's payload. */
  keyBytes(payload: string | null): Buffer | null {
    return payload === null ? null : Buffer.from(this.#keyHead + payload + this.#keyTail);
  }

  /** True if both rows have the whole key, and the keys differ. */
  keyChanged(before: Tuple, after: Tuple): boolean {
    let same = true;
    for (const { index } of this.#keyColumns) {
      // The old key of another index (REPLICA IDENTITY USING INDEX) says nothing about the primary key.
      if (typeof before[index] !== 'string') return false;
      if (before[index] !== after[index] && after[index] !== UNCHANGED_TOAST) same = false;
    }
    return !same && this.key(before, null) !== this.key(after, before);
  }

  #value(column: Column, row: Tuple, old: Tuple | null): string {
    const sent = row[column.index];
    if (typeof sent === 'string') return this.#encode(column, sent);
    if (sent === null) return column.nullJson;
    const kept = old?.[column.index];
    if (typeof kept === 'string') return this.#encode(column, kept);
    return column.mapping.placeholder ?? toastMissing(this.name, column.name);
  }

  #encode(column: Column, text: string): string {
    try {
      const loss = column.mapping.lossOf?.(text);
      const { schema, table } = this.#description;
      if (loss !== undefined) this.#config.onLoss?.({ schema, table, column: column.name, loss });
      return column.mapping.encode(text);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      throw new LabError('CDC-1303', `Column ${column.name} of ${this.name}: ${error.message}.`, {
        remedy: `Correct the value, or leave the column out with a column list on the publication. ${IN_WAL}`,
        cause: error,
      });
    }
  }
}

/** The fast path leaves values that lose something to the slow path, which counts them. */
function withoutLoss({ encode, lossOf }: TypeMapping): (text: string) => string {
  if (lossOf === undefined) return encode;
  return (text) => {
    if (lossOf(text) !== undefined) throw new RangeError('the slow path counts this value');
    return encode(text);
  };
}

/** True if the row has the placeholder there: its value was not sent, and the old row does not have it. */
function isUnchanged({ index }: Column, row: Tuple, old: Tuple | null): boolean {
  return row[index] === UNCHANGED_TOAST && typeof old?.[index] !== 'string';
}

/** Readers know the placeholder by its form: as text, as a JSON object in text, and in the form of the column's type. */
function lookalikesOf({ schema, placeholder }: TypeMapping, { unavailableValue }: EncoderConfig): string[] {
  const name = quote(unavailableValue);
  const texts = schema.type === 'string' ? [name, quote(`{${name}:${name}}`)] : [];
  return [...new Set([...texts, ...(placeholder === null ? [] : [placeholder])])];
}

const IN_WAL = `If the change is in the WAL already, a restart meets it again: ${START_OVER}.`;

function head(schema: string): Buffer {
  return Buffer.from(`{"schema":${schema},"payload":`);
}

function refuseType(table: string, column: ColumnDescription): never {
  throw new LabError(
    'CDC-1302',
    `Column ${column.name} of ${table} has type ${column.typeName}, which is not supported.`,
    {
      remedy: `Leave the column out with a column list on the publication, or ${LEAVE_OUT}.`,
    },
  );
}

function outOfDate(table: string, sent: number, described: number): LabError {
  return new LabError(
    'CDC-1304',
    `A row of ${table} has ${sent} columns, but its description has ${described}.`,
    {
      remedy: 'The table was altered while it was read. Restart the connector: it reads the catalogue again.',
    },
  );
}

function keyMissing(table: string, column: string): LabError {
  return new LabError('CDC-1305', `A change of ${table} lacks its key column ${column}.`, {
    remedy: `Give the table REPLICA IDENTITY DEFAULT or FULL. ${IN_WAL}`,
  });
}

function toastMissing(table: string, column: string): never {
  throw new LabError(
    'CDC-1306',
    `PostgreSQL did not send the unchanged TOAST value of column ${column} of ${table}.`,
    {
      remedy: `The column’s type has no placeholder for such a value: give the table REPLICA IDENTITY FULL. ${IN_WAL}`,
    },
  );
}
