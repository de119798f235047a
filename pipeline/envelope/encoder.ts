/**
 * `pipeline/envelope`: makes Debezium's change events, with their keys, tombstones and headers.
 * In: table descriptions and rows, as decoded tuples or (fast path) as the bytes of their messages.
 * Out: records for Kafka, each with its position.
 * Promises: bytes equal to those of Debezium 3.6 with JsonConverter, except for the differences in docs/parity.md;
 * the fast path makes the same bytes as the slow path; a value that has no Connect form is a LabError, never another
 * value.
 */

import {
  type CreateEventEncoder,
  type EncoderConfig,
  type EventContext,
  type EventEncoder,
  NEW_KEY_HEADER,
  OLD_KEY_HEADER,
  type Operation,
  UNCHANGED_HEADER,
} from '../contract/envelope.ts';
import type { FastChange, Tuple } from '../contract/pgoutput.ts';
import { POSITION_HEADER } from '../contract/position.ts';
import type { FastRecord, ProducedRecord } from '../contract/records.ts';
import type { TableDescription } from '../contract/table.ts';
import { FastPathEncoder } from './fast-path-encoder.ts';
import { SourceBlockWriter, timesJson } from './source-block.ts';
import { TableEncoder } from './table-encoder.ts';
import { topicName } from './topic-name.ts';

/** Change events as Debezium 3.6's PostgreSQL connector writes them, through Connect's JsonConverter. */
export const createEventEncoder: CreateEventEncoder = (config) => new DebeziumEncoder(config);

class DebeziumEncoder implements EventEncoder {
  readonly #config: EncoderConfig;
  readonly #source: SourceBlockWriter;
  readonly #tables = new Map<number, TableEncoder>();
  readonly #contextHeaders: readonly (readonly [string, string])[];
  readonly #fastPath: FastPathEncoder;

  constructor(config: EncoderConfig) {
    this.#config = config;
    this.#source = new SourceBlockWriter(config);
    this.#contextHeaders = contextHeaders(config);
    this.#fastPath = new FastPathEncoder(config, this.#source, this.#contextHeaders);
  }

  topicOf(schema: string, table: string): string {
    return topicName(this.#config.topicPrefix, schema, table);
  }

  describe(table: TableDescription): void {
    this.#tables.set(table.relationOid, new TableEncoder(table, this.#config));
  }

  read(relationOid: number, after: Tuple, context: EventContext): ProducedRecord {
    return this.#write('r', relationOid, after, context);
  }

  create(relationOid: number, after: Tuple, context: EventContext): ProducedRecord[] {
    return [this.#write('c', relationOid, after, context)];
  }

  update(
    relationOid: number,
    before: Tuple | null,
    beforeKind: 'none' | 'key' | 'full',
    after: Tuple,
    context: EventContext,
  ): ProducedRecord[] {
    const old = beforeKind === 'full' ? before : null;
    const table = this.#fitting(relationOid, [after, old], beforeKind === 'key' ? before : null);
    if (before !== null && table.keyChanged(before, after)) {
      return this.#changeKey(table, before, after, old, context);
    }
    const beforeJson = before === null ? 'null' : table.row(before, null).json;
    const { json, hasLookalike } = table.row(after, old);
    const value = this.#value(table, 'u', beforeJson, json, context);
    const key = table.keyBytes(table.key(after, before));
    const headers = this.#headers(context);
    if (hasLookalike) headers.set(UNCHANGED_HEADER, table.unchanged(after, old));
    return [this.#record(table, key, value, context, headers)];
  }

  delete(
    relationOid: number,
    before: Tuple,
    beforeKind: 'key' | 'full',
    context: EventContext,
  ): ProducedRecord[] {
    const isFull = beforeKind === 'full';
    const table = this.#fitting(relationOid, [isFull ? before : null], isFull ? null : before);
    return this.#remove(table, before, context, this.#headers(context));
  }

  truncate(relationOid: number, context: EventContext): ProducedRecord[] {
    const table = this.#table(relationOid);
    const value = this.#value(table, 't', 'null', 'null', context);
    return [this.#record(table, null, value, context, this.#headers(context))];
  }

  encodeFast(change: FastChange, context: EventContext): FastRecord | undefined {
    return this.#fastPath.encode(this.#table(change.relationOid).fastPath, change, context);
  }

  #write(op: 'r' | 'c', relationOid: number, after: Tuple, context: EventContext): ProducedRecord {
    const table = this.#fitting(relationOid, [after], null);
    const value = this.#value(table, op, 'null', table.row(after, null).json, context);
    const key = table.keyBytes(table.key(after, null));
    return this.#record(table, key, value, context, this.#headers(context));
  }

  /**
   * As in Debezium, the delete of the old row has the new key in a header, and the create of the new row the old key.
   */
  #changeKey(
    table: TableEncoder,
    before: Tuple,
    after: Tuple,
    old: Tuple | null,
    context: EventContext,
  ): ProducedRecord[] {
    const toNew = this.#headers(context, [NEW_KEY_HEADER, table.keyHeader(after, before)]);
    const fromOld = this.#headers(context, [OLD_KEY_HEADER, table.keyHeader(before, null)]);
    // In the order of the records: making an event may count it in its transaction.
    const records = this.#remove(table, before, context, toNew);
    const { json, hasLookalike } = table.row(after, old);
    if (hasLookalike) fromOld.set(UNCHANGED_HEADER, table.unchanged(after, old));
    const value = this.#value(table, 'c', 'null', json, context);
    const key = table.keyBytes(table.key(after, before));
    records.push(this.#record(table, key, value, context, fromOld));
    return records;
  }

  #remove(
    table: TableEncoder,
    before: Tuple,
    context: EventContext,
    headers: ReadonlyMap<string, string>,
  ): ProducedRecord[] {
    const key = table.keyBytes(table.key(before, null));
    const value = this.#value(table, 'd', table.row(before, null).json, 'null', context);
    const records = [this.#record(table, key, value, context, headers)];
    // Debezium writes a tombstone for a table without a key too: key and value are both null.
    if (this.#config.tombstonesOnDelete) records.push(this.#record(table, key, null, context, headers));
    return records;
  }

  #value(table: TableEncoder, op: Operation, before: string, after: string, context: EventContext): Buffer {
    const source = this.#source.write(context, table.sourceFragment);
    const times = timesJson(this.#config.nowUs());
    const transaction = JSON.stringify(context.nextInTransaction?.() ?? null);
    const payload = `{"before":${before},"after":${after},"source":${source},"transaction":${transaction},"op":"${op}",${times}}`;
    const head = table.valueHead;
    if (head === null) return Buffer.from(payload);
    const value = Buffer.allocUnsafe(head.length + Buffer.byteLength(payload) + 1);
    head.copy(value);
    const end = value.write(payload, head.length);
    value.write('}', head.length + end);
    return value;
  }

  #headers(context: EventContext, extra?: readonly [string, string]): Map<string, string> {
    const headers = new Map<string, string>([[POSITION_HEADER, context.position]]);
    if (extra !== undefined) headers.set(extra[0], extra[1]);
    for (const [name, value] of this.#contextHeaders) headers.set(name, value);
    return headers;
  }

  #record(
    table: TableEncoder,
    key: Buffer | null,
    value: Buffer | null,
    context: EventContext,
    headers: ReadonlyMap<string, string>,
  ): ProducedRecord {
    return { topic: table.topic, key, value, headers, position: context.position };
  }

  /** The table, described again if a row or an old key shows that the description is of another time. */
  #fitting(relationOid: number, rows: readonly (Tuple | null)[], key: Tuple | null): TableEncoder {
    const known = this.#table(relationOid);
    let table = rows.reduce<TableEncoder>(
      (fitting, row) => (row ? fitting.fitting(row, true) : fitting),
      known,
    );
    if (key !== null) table = table.fitting(key, false);
    if (table !== known) this.#tables.set(relationOid, table);
    return table;
  }

  #table(relationOid: number): TableEncoder {
    const table = this.#tables.get(relationOid);
    if (table === undefined) throw new Error(`relation ${relationOid} was not described`);
    return table;
  }
}

function contextHeaders(config: EncoderConfig): readonly (readonly [string, string])[] {
  if (config.contextHeaders === undefined) return [];
  return [
    ['__debezium.context.connectorLogicalName', config.topicPrefix],
    ['__debezium.context.taskId', config.contextHeaders.taskId],
    ['__debezium.context.connectorName', 'postgresql'],
    ['__debezium.context.runId', config.contextHeaders.runId],
  ];
}
