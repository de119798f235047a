/**
 * `pipeline/sink/bind`: turns the records of a batch into changes of sink tables, with every value as PostgreSQL text.
 * In: consecutive records of one partition; the sink's catalogue, read and, if allowed, changed over a connection.
 * Out: the changes of each table in offset order, and the records that cannot be applied, each with its reason.
 * Promises: every record is in exactly one of the two, or is left out by the configuration; what the fast path makes of
 *   a record equals what the slow path makes of it; no value is truncated or rounded.
 */

import type { ClientBase } from 'pg';
import type { ConsumedRecord } from '../../contract/records.ts';
import type { Sweep } from '../../contract/sweep.ts';
import type { SinkConfig } from '../config/sink-config.ts';
import { RecordError } from '../decode/record-error.ts';
import { RecordParser } from '../decode/record-parser.ts';
import { sweepOf } from '../decode/sweep-order.ts';
import type { Change } from './change.ts';
import { type Bound, EventBinder } from './event-binder.ts';
import { structureFor } from './evolution.ts';
import { FastPathReader } from './fast-path-reader.ts';
import type { SinkTable } from './sink-table.ts';
import type { TableName } from './table-name.ts';

/** The changes of a batch to one table. */
export interface TableChanges {
  readonly table: SinkTable;
  /** Columns of the key; empty if rows have none. */
  keys: readonly string[];
  readonly changes: Change[];
  /** Changes that count as events: all but tombstones, which only repeat the delete before them. */
  events: number;
}

/** A record that cannot be applied, and why. */
export interface Poison {
  readonly record: ConsumedRecord;
  readonly error: Error;
}
/** The end of a snapshot in this partition, after which rows that it did not see are to go. */
export interface BoundSweep {
  readonly name: TableName;
  readonly sweep: Sweep;
}

export interface BoundBatch {
  readonly tables: ReadonlyMap<string, TableChanges>;
  readonly sweeps: readonly BoundSweep[];
  readonly poison: readonly Poison[];
}

/** The first records of a lane's next batch. Undefined: the record can only be read when its batch is bound. */
interface ReadAhead {
  readonly records: readonly ConsumedRecord[];
  readonly bounds: readonly (Bound | undefined)[];
}

/** Records → changes of sink tables. Keeps what it learned of tables and schemas; {@link forget} drops it. */
export class Binder {
  readonly #config: SinkConfig;
  readonly #parser: RecordParser;
  readonly #events: EventBinder;
  readonly #fastPath = new FastPathReader();
  /** By topic and partition; at most one batch of each. */
  readonly #ahead = new Map<string, ReadAhead>();

  constructor(config: SinkConfig) {
    this.#config = config;
    this.#parser = new RecordParser(config.schemas);
    this.#events = new EventBinder(config);
  }

  /** Drops everything learned: the structure may have been changed from outside. */
  forget(): void {
    this.#events.forget();
    this.#fastPath.forget();
    this.#ahead.clear();
  }

  /** Reads the fast-path records of a batch before it is bound, while the database works on the batch before it. */
  readAhead(records: readonly ConsumedRecord[]): void {
    const [first] = records;
    if (first === undefined) return;
    const bounds = records.map((record, index) => this.#fastPath.read(record, index));
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

  /** Binds a batch; creates or alters tables on the way if `schema.evolution` allows it. */
  async bind(client: ClientBase, records: readonly ConsumedRecord[]): Promise<BoundBatch> {
    const tables = new Map<string, TableChanges>();
    const poison: Poison[] = [];
    const sweeps: BoundSweep[] = [];
    const ahead = this.#takeAhead(records);
    for (let index = 0; index < records.length; index++) {
      const record = records[index];
      if (record === undefined) continue;
      try {
        const sweep = sweepOf(record);
        if (sweep !== undefined) {
          sweeps.push({ name: this.#events.tableNameOfSource(record.topic, sweep.source), sweep });
          continue;
        }
        const known = ahead?.records[index] === record ? ahead.bounds[index] : undefined;
        const bound =
          known ?? this.#fastPath.read(record, index) ?? (await this.#bindSlowly(client, record, index));
        if (bound === null) continue;
        let group = tables.get(bound.table.name.qualified);
        if (group === undefined || group.table !== bound.table) {
          // The table got a column in the middle of the batch: the changes bound before it lack that column.
          if (group !== undefined) return await this.bind(client, records);
          group = { table: bound.table, keys: bound.keys, changes: [], events: 0 };
          tables.set(bound.table.name.qualified, group);
        }
        if (group.keys.length === 0) group.keys = bound.keys;
        if (bound.change === null) continue;
        group.changes.push(bound.change);
        if (bound.change.kind !== 'tombstone') group.events++;
      } catch (error) {
        if (!(error instanceof RecordError)) throw error;
        poison.push({ record, error });
      }
    }
    return { tables, sweeps, poison };
  }

  /** The slow path: parses the whole record. Null for a record that changes no table. */
  async #bindSlowly(client: ClientBase, record: ConsumedRecord, index: number): Promise<Bound | null> {
    const event = this.#parser.parse(record);
    if (event.kind === 'ignore') return null;
    let bound = this.#events.bind(event, index);
    if (bound === undefined) {
      const name = this.#events.tableNameOf(event);
      const table = await structureFor(client, name, event, this.#config);
      if (table === null) return null;
      this.#events.learn(table);
      this.#fastPath.forget();
      this.#ahead.clear();
      bound = this.#events.bind(event, index);
      if (bound === undefined)
        throw new Error(`${name.qualified} does not fit the event after it was changed`);
    }
    if (bound.bindings !== null && this.#config.primaryKeyMode === 'record_key') {
      const { table, bindings } = bound;
      this.#fastPath.learn({ event, table, ...bindings, prefixes: this.#parser.prefixesOf(record) });
    }
    return bound;
  }
}

/** One lane of the sink: its records have one topic and partition. */
function laneOf({ topic, partition }: ConsumedRecord): string {
  return `${topic}:${partition}`;
}
