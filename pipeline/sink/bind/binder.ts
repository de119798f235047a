import type { ClientBase } from 'pg';
import type { ConsumedRecord } from '../../contract/records.ts';
import type { SinkConfig } from '../config/sink-config.ts';
import type { ConnectSchema } from '../decode/connect-schema.ts';
import type { JsonObject } from '../decode/json.ts';
import { formatLsn } from '../decode/position.ts';
import { RecordError } from '../decode/record-error.ts';
import { RecordParser, type SinkEvent } from '../decode/record-parser.ts';
import {
  bindKey,
  bindRow,
  type Change,
  type KeyBinding,
  keyText,
  keyValuesOf,
  placeholderTest,
  type RowBinding,
  shapeOf,
  valuesOf,
} from './bind.ts';
import { addColumns, createTable, dropNotNull, refuse } from './evolve.ts';
import { type TableName, tableNameOf } from './identifiers.ts';
import { type Bound, PlainReader } from './plain-reader.ts';
import { columnSet, loadTable, type SinkTable } from './tables.ts';

/** The changes of a batch to one table. */
export interface TableChanges {
  readonly table: SinkTable;
  /** Columns of the key; empty where rows have none. */
  keys: readonly string[];
  readonly changes: Change[];
  /** How many records each of them came from, tombstones and ignored ones included. */
  consumed: number;
}
export interface Poison {
  readonly record: ConsumedRecord;
  readonly error: Error;
}
export interface BoundBatch {
  readonly tables: ReadonlyMap<string, TableChanges>;
  readonly poison: readonly Poison[];
}

/** The first records of a lane's next batch; undefined: to be read in their turn. */
interface ReadAhead {
  readonly records: readonly ConsumedRecord[];
  readonly bounds: readonly (Bound | undefined)[];
}

/** Thrown inside: the sink's structure must be looked at, or changed, before the record can be bound. */
class NeedsTable extends Error {}

const NO_SCHEMA = {};
const NOT_NAMED = {
  topic: '',
  schema: null,
  table: null,
  name: { schema: '', table: '', qualified: '', sql: '' },
};

/** Records → changes of sink tables. Keeps what it learned of tables and schemas; {@link forget} drops it. */
export class Binder {
  readonly #config: SinkConfig;
  readonly #parser = new RecordParser();
  readonly #isUnavailable: (value: unknown) => boolean;
  readonly #names = new Map<string, TableName>();
  #lastNamed: { topic: string; schema: unknown; table: unknown; name: TableName } = NOT_NAMED;
  #tables = new Map<string, SinkTable>();
  #rows = new WeakMap<object, Map<string, RowBinding>>();
  #keys = new WeakMap<object, Map<string, KeyBinding>>();
  readonly #plain: PlainReader;
  /** By topic and partition: one batch at most of each. */
  readonly #ahead = new Map<string, ReadAhead>();

  constructor(config: SinkConfig) {
    this.#config = config;
    this.#isUnavailable = placeholderTest(config.placeholder);
    this.#plain = new PlainReader(this.#isUnavailable);
  }

  /** After an error that may come from a structure that changed behind the sink's back. */
  forget(): void {
    this.#tables = new Map();
    this.#forgetBindings();
  }

  #forgetBindings(): void {
    this.#rows = new WeakMap();
    this.#keys = new WeakMap();
    this.#plain.forget();
    this.#ahead.clear();
  }

  /** Reads what it can of a batch before its turn. */
  readAhead(records: readonly ConsumedRecord[]): void {
    const [first] = records;
    if (first === undefined) return;
    const bounds = records.map((record, index) => this.#plain.read(record, index));
    this.#ahead.set(laneOf(first), { records, bounds });
  }

  #takeAhead(records: readonly ConsumedRecord[]): ReadAhead | undefined {
    const [first] = records;
    if (first === undefined) return undefined;
    const lane = laneOf(first);
    const ahead = this.#ahead.get(lane);
    this.#ahead.delete(lane);
    return ahead;
  }

  async bind(client: ClientBase, records: readonly ConsumedRecord[]): Promise<BoundBatch> {
    const tables = new Map<string, TableChanges>();
    const poison: Poison[] = [];
    const ahead = this.#takeAhead(records);
    for (let index = 0; index < records.length; index++) {
      const record = records[index];
      if (record === undefined) continue;
      try {
        const known = ahead?.records[index] === record ? ahead.bounds[index] : undefined;
        const bound =
          known ?? this.#plain.read(record, index) ?? (await this.#bindParsed(client, record, index));
        if (bound === null) continue;
        let group = tables.get(bound.table.name.qualified);
        if (group === undefined || group.table !== bound.table) {
          // The table grew a column in the middle of the batch: what was bound before is as wide as it was then.
          if (group !== undefined) return await this.bind(client, records);
          group = { table: bound.table, keys: bound.keys, changes: [], consumed: 0 };
          tables.set(bound.table.name.qualified, group);
        }
        if (group.keys.length === 0) group.keys = bound.keys;
        group.consumed++;
        if (bound.change !== null) group.changes.push(bound.change);
      } catch (error) {
        if (!(error instanceof RecordError)) throw error;
        poison.push({ record, error });
      }
    }
    return { tables, poison };
  }

  async #bindParsed(client: ClientBase, record: ConsumedRecord, index: number): Promise<Bound | null> {
    const event = this.#parser.parse(record);
    if (event.kind === 'ignore') return null;
    return this.#bindFast(event, index) ?? (await this.#bindSlow(client, event, index));
  }

  tableNameOf(event: SinkEvent): TableName {
    const { topic } = event.record;
    if (event.kind === 'tombstone') {
      const known = this.#names.get(topic);
      if (known !== undefined) return known;
      // A tombstone has no source block: the topic's name is all there is to tell the table by.
      const parts = topic.split('.');
      return this.#named(topic, { schema: parts.at(-2), table: parts.at(-1) });
    }
    const { source } = event;
    const last = this.#lastNamed;
    if (last.topic === topic && last.schema === source.schema && last.table === source.table)
      return last.name;
    const name = this.#nameOf(topic, source);
    this.#lastNamed = { topic, schema: source.schema, table: source.table, name };
    return name;
  }

  #named(topic: string, source: JsonObject): TableName {
    const { tableFormat, connection } = this.#config;
    return tableNameOf(tableFormat, topic, source, connection.schemas[0]);
  }

  #nameOf(topic: string, source: JsonObject): TableName {
    // One topic can carry several tables (a routing transform): remembered per topic and source table.
    const id = `${topic}\0${String(source.schema)}\0${String(source.table)}`;
    const name = this.#names.get(id) ?? this.#named(topic, source);
    this.#names.set(id, name);
    this.#names.set(topic, name);
    return name;
  }

  #isWanted(event: SinkEvent): boolean {
    switch (event.kind) {
      case 'ignore':
        return false;
      case 'delete':
      case 'tombstone':
        return this.#config.deleteEnabled;
      case 'truncate':
        return this.#config.truncateEnabled;
      case 'upsert':
        return true;
    }
  }

  #bindFast(event: SinkEvent, index: number): Bound | undefined {
    try {
      return this.#bindEvent(event, index);
    } catch (error) {
      if (error instanceof NeedsTable) return undefined;
      throw error;
    }
  }

  async #bindSlow(client: ClientBase, event: SinkEvent, index: number): Promise<Bound | null> {
    const table = await this.#structureFor(client, event);
    return table === null ? null : this.#bindEvent(event, index);
  }

  #bindEvent(event: SinkEvent, index: number): Bound {
    const name = this.tableNameOf(event);
    const table = this.#tables.get(name.qualified);
    if (table === undefined) throw new NeedsTable();
    const keys = this.#keyNames(event);
    if (!this.#isWanted(event)) return { table, keys, change: null };
    const common = {
      position: event.position,
      fromSnapshot: event.op === 'r',
      op: event.op,
      lsn: formatLsn(event.source.lsn),
      sourceTsUs: microsOf(event.source),
      capturedUs: event.capturedUs,
      index,
    };
    if (event.kind === 'truncate') {
      const change: Change = { ...common, kind: 'truncate', key: '', keyValues: [], ...NO_VALUES };
      return { table, keys, change };
    }
    const keyBinding = keys.length === 0 ? null : this.#keyBinding(event, table, keys);
    const keyValues = keyBinding === null ? [] : keyValuesOf(keyBinding, this.#keySide(event) ?? {});
    const key = keys.length === 0 ? '' : keyText(keyValues);
    if (event.kind !== 'upsert') {
      return {
        table,
        keys,
        change: { ...common, kind: event.kind as 'delete', key, keyValues, ...NO_VALUES },
      };
    }
    const row = event.row ?? {};
    const binding = this.#rowBinding(event, table, keys, row);
    const { values, isPartial } = valuesOf(binding, table.columns.length, row, this.#isUnavailable);
    const shape = isPartial ? shapeOf(values) : binding.shape;
    if (keyBinding !== null && this.#config.primaryKeyMode === 'record_key') {
      const prefixes = this.#parser.prefixesOf(event.record);
      this.#plain.learn({ event, table, row: binding, key: keyBinding, prefixes });
    }
    return { table, keys, change: { ...common, kind: 'upsert', key, keyValues, values, isPartial, shape } };
  }

  /** Names of the key columns of the event's table. */
  #keyNames(event: SinkEvent): readonly string[] {
    const { primaryKeyMode, primaryKeyFields } = this.#config;
    if (primaryKeyMode === 'none' || event.kind === 'truncate') return [];
    if (primaryKeyMode === 'record_value') return primaryKeyFields;
    if (event.key === null) {
      throw new RecordError('the record has no key, and primary.key.mode is record_key');
    }
    const names = Object.keys(event.key);
    return primaryKeyFields.length === 0 ? names : names.filter((name) => primaryKeyFields.includes(name));
  }

  /** Where the key columns' values are. */
  #keySide(event: SinkEvent): JsonObject | null {
    return this.#config.primaryKeyMode === 'record_key' ? event.key : event.row;
  }

  #keyBinding(event: SinkEvent, table: SinkTable, names: readonly string[]): KeyBinding {
    const schema = this.#config.primaryKeyMode === 'record_key' ? event.keySchema : event.rowSchema;
    const cache = cacheFor(this.#keys, schema ?? table);
    const id = `${table.name.qualified}\0${names.join('\0')}`;
    let binding = cache.get(id);
    if (binding === undefined) {
      if (this.#config.insertMode === 'upsert' && !table.uniqueSets.has(columnSet(names))) {
        throw new RecordError(
          `${table.name.qualified} has no primary key or unique constraint on (${names.join(', ')}), which an upsert needs`,
        );
      }
      binding = bindKey(table, names, schema);
      cache.set(id, binding);
    }
    return binding;
  }

  #rowBinding(event: SinkEvent, table: SinkTable, keys: readonly string[], row: JsonObject): RowBinding {
    const schema = event.rowSchema;
    const cache = cacheFor(this.#rows, schema ?? table);
    const id = schema === null ? Object.keys(row).join('\0') : table.name.qualified;
    const known = cache.get(id);
    if (known !== undefined) return known;
    const names = this.#fieldNames(event, keys, row);
    if (names.some((name) => !table.indexOf.has(name))) throw new NeedsTable();
    const binding = bindRow(table, names, schema);
    const unset = table.columns.filter((column) => isUnset(column, names));
    if (unset.length > 0 && this.#config.evolve) throw new NeedsTable();
    cache.set(id, binding);
    return binding;
  }

  /** Fields of the row that go into the sink, by `field.include.list` or `field.exclude.list`. */
  #fieldNames(event: SinkEvent, keys: readonly string[], row: JsonObject): string[] {
    const all = event.rowSchema?.fields.map((field) => field.field ?? '') ?? Object.keys(row);
    const { includeFields, excludeFields } = this.#config;
    const listed = (list: readonly string[], name: string): boolean =>
      list.includes(name) || list.includes(`${event.record.topic}:${name}`);
    return all.filter((name) => {
      if (keys.includes(name)) return true;
      if (includeFields.length > 0) return listed(includeFields, name);
      return !listed(excludeFields, name);
    });
  }

  /** Loads the table, and makes or changes it where `schema.evolution` allows; null where the event needs none. */
  async #structureFor(client: ClientBase, event: SinkEvent): Promise<SinkTable | null> {
    const name = this.tableNameOf(event);
    let table = await loadTable(client, name);
    const schema = event.rowSchema;
    const names = event.row === null ? [] : this.#fieldNames(event, this.#keyNames(event), event.row);
    const fields = names.map((field) => schema?.fields.find((s) => s.field === field)).filter(isSchema);
    if (table === undefined) {
      // Nothing to delete, and nothing known to create a table from.
      if (event.kind !== 'upsert') return null;
      if (!this.#config.evolve || schema === null)
        throw refuse(`there is no table ${name.qualified}`, this.#config.evolve);
      await createTable(client, name, fields, this.#keyNames(event));
      table = await loadTable(client, name);
    } else if (event.kind === 'upsert') {
      table = await this.#evolve(client, table, names, fields);
    }
    if (table === undefined) throw new RecordError(`the table ${name.qualified} vanished while it was made`);
    this.#tables.set(name.qualified, table);
    this.#forgetBindings();
    return table;
  }

  async #evolve(
    client: ClientBase,
    table: SinkTable,
    names: readonly string[],
    fields: readonly ConnectSchema[],
  ): Promise<SinkTable | undefined> {
    const missing = names.filter((name) => !table.indexOf.has(name));
    const unset = this.#config.evolve ? table.columns.filter((column) => isUnset(column, names)) : [];
    if (missing.length === 0 && unset.length === 0) return table;
    if (missing.length > 0) {
      const added = fields.filter((field) => missing.includes(field.field ?? ''));
      if (!this.#config.evolve || added.length < missing.length) {
        throw refuse(`${table.name.qualified} has no column '${missing[0]}'`, this.#config.evolve);
      }
      await addColumns(client, table, added);
    }
    if (unset.length > 0)
      await dropNotNull(
        client,
        table,
        unset.map((column) => column.name),
      );
    return loadTable(client, table.name);
  }
}

const NO_VALUES = { values: [], isPartial: false, shape: '' } as const;

function isUnset(column: SinkTable['columns'][number], names: readonly string[]): boolean {
  return column.notNull && !column.hasDefault && !names.includes(column.name);
}

function isSchema(schema: ConnectSchema | undefined): schema is ConnectSchema {
  return schema !== undefined;
}

function cacheFor<T>(caches: WeakMap<object, Map<string, T>>, owner: object | null): Map<string, T> {
  const id = owner ?? NO_SCHEMA;
  let cache = caches.get(id);
  if (cache === undefined) {
    cache = new Map();
    caches.set(id, cache);
  }
  return cache;
}

/** One lane of the sink: records of one have one topic and partition. */
function laneOf({ topic, partition }: ConsumedRecord): string {
  return `${topic}:${partition}`;
}

function microsOf(source: JsonObject): number | null {
  const us = source.ts_us;
  if (typeof us === 'number') return us;
  const ms = source.ts_ms;
  return typeof ms === 'number' ? ms * 1_000 : null;
}
