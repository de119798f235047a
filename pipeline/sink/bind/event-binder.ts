import type { SinkConfig } from '../config/sink-config.ts';
import { formatLsn } from '../decode/derived-position.ts';
import type { JsonObject } from '../decode/json.ts';
import { RecordError } from '../decode/record-error.ts';
import type { SinkEvent } from '../decode/record-parser.ts';
import {
  bindKey,
  bindRow,
  type FieldForms,
  type KeyBinding,
  keyValuesOf,
  type RowBinding,
  valuesOf,
} from './bindings.ts';
import { type Change, keyText, NO_VALUES, shapeOf } from './change.ts';
import { fieldNamesOf, isWanted, keyNamesOf } from './event-fields.ts';
import { PlaceholderForms } from './placeholder.ts';
import { columnSet, fixedIdentity, isUnset, type SinkTable } from './sink-table.ts';
import { type TableName, TableNames } from './table-name.ts';

/** A record, bound to its table. */
export interface Bound {
  readonly table: SinkTable;
  /** Columns of the key; empty if rows have none. */
  readonly keys: readonly string[];
  /** Null for an event that the configuration leaves out. */
  readonly change: Change | null;
}

/** A bound event, with the bindings that were used. */
export interface BoundEvent extends Bound {
  /** Null for anything but an upsert by a key. */
  readonly bindings: { readonly row: RowBinding; readonly key: KeyBinding } | null;
}

/** Parsed events → changes, by what it has learned of tables and schemas. */
export class EventBinder {
  readonly #config: SinkConfig;
  readonly #forms: FieldForms;
  readonly #names: TableNames;
  #tables = new Map<string, SinkTable>();
  /** By the schema, or the table, that the binding was made for. */
  #rows = new WeakMap<object, Map<string, RowBinding>>();
  #keys = new WeakMap<object, Map<string, KeyBinding>>();

  constructor(config: SinkConfig) {
    this.#config = config;
    this.#forms = { placeholder: new PlaceholderForms(config.placeholder), binary: config.binary };
    this.#names = new TableNames(config.tableFormat, config.connection.schemas[0]);
  }

  /** Forgets all tables: one of them is not what it was. */
  forget(): void {
    this.#tables = new Map();
    this.#forgetBindings();
  }

  /** Takes a table as it is in the catalogue now. */
  learn(table: SinkTable): void {
    this.#tables.set(table.name.qualified, table);
    this.#forgetBindings();
  }

  #forgetBindings(): void {
    this.#rows = new WeakMap();
    this.#keys = new WeakMap();
  }

  /** @throws RecordError if the event names no valid table. */
  tableNameOf(event: SinkEvent): TableName {
    return this.#names.of(event);
  }

  /** The table of a record that is no event. @throws RecordError as {@link tableNameOf}. */
  tableNameOfSource(topic: string, source: JsonObject): TableName {
    return this.#names.ofSource(topic, source);
  }

  /**
   * Undefined if the table is unknown, or does not have what the event needs: {@link learn} it first.
   * @throws RecordError if the event cannot be applied.
   */
  bind(event: SinkEvent, index: number): BoundEvent | undefined {
    const table = this.#tables.get(this.tableNameOf(event).qualified);
    if (table === undefined) return undefined;
    const keys = keyNamesOf(this.#config, event);
    if (!isWanted(this.#config, event)) return { table, keys, change: null, bindings: null };
    const common = {
      position: event.position,
      fromSnapshot: event.op === 'r',
      op: event.op,
      lsn: formatLsn(event.source.lsn),
      sourceTsUs: microsOf(event.source),
      capturedUs: event.capturedUs,
      index,
    };
    const keyBinding = keys.length === 0 ? null : this.#keyBinding(event, table, keys);
    const keyValues = keyBinding === null ? [] : keyValuesOf(keyBinding, this.#keySide(event) ?? {});
    const key = keys.length === 0 ? '' : keyText(keyValues);
    if (event.kind !== 'upsert') {
      const kind = event.kind as Exclude<typeof event.kind, 'ignore'>;
      return { table, keys, change: { ...common, kind, key, keyValues, ...NO_VALUES }, bindings: null };
    }
    const row = this.#rowBinding(event, table, keys);
    if (row === undefined) return undefined;
    const { values, isPartial } = valuesOf(row, table.columns.length, event.row ?? {}, event.unchanged);
    const shape = isPartial ? shapeOf(values) : row.shape;
    const change: Change = { ...common, kind: 'upsert', key, keyValues, values, isPartial, shape };
    return { table, keys, change, bindings: keyBinding === null ? null : { row, key: keyBinding } };
  }

  /** The object that holds the key columns' values. */
  #keySide(event: SinkEvent): JsonObject | null {
    return this.#config.primaryKeyMode === 'record_key' ? event.key : event.row;
  }

  #keyBinding(event: SinkEvent, table: SinkTable, names: readonly string[]): KeyBinding {
    const schema = this.#config.primaryKeyMode === 'record_key' ? event.keySchema : event.rowSchema;
    const cache = cacheOf(this.#keys, schema ?? table);
    const id = `${table.name.qualified}\0${names.join('\0')}`;
    let binding = cache.get(id);
    if (binding === undefined) {
      if (this.#config.insertMode === 'upsert' && !table.uniqueSets.has(columnSet(names))) {
        throw new RecordError(
          `${table.name.qualified} has no primary key or unique constraint on (${names.join(', ')}), which an upsert needs`,
        );
      }
      binding = bindKey(table, names, schema, this.#forms);
      cache.set(id, binding);
    }
    return binding;
  }

  /** Undefined if the table lacks a column, or has one that would refuse the row. */
  #rowBinding(event: SinkEvent, table: SinkTable, keys: readonly string[]): RowBinding | undefined {
    const schema = event.rowSchema;
    const cache = cacheOf(this.#rows, schema ?? table);
    const id = schema === null ? Object.keys(event.row ?? {}).join('\0') : table.name.qualified;
    const known = cache.get(id);
    if (known !== undefined) return known;
    const names = fieldNamesOf(this.#config, event, keys).filter((name) => !table.generated.has(name));
    if (names.some((name) => !table.indexOf.has(name))) return undefined;
    if (fixedIdentity(table, names, keys) !== undefined) return undefined;
    const binding = bindRow(table, names, schema, this.#forms);
    if (this.#config.evolve && table.columns.some((column) => isUnset(column, names))) return undefined;
    cache.set(id, binding);
    return binding;
  }
}

function cacheOf<T>(caches: WeakMap<object, Map<string, T>>, owner: object): Map<string, T> {
  let cache = caches.get(owner);
  if (cache === undefined) {
    cache = new Map();
    caches.set(owner, cache);
  }
  return cache;
}

function microsOf(source: JsonObject): number | null {
  const us = source.ts_us;
  if (typeof us === 'number') return us;
  const ms = source.ts_ms;
  return typeof ms === 'number' ? ms * 1_000 : null;
}
