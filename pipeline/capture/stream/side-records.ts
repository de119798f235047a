import type { TransactionBlock } from '../../contract/envelope.ts';
import { inJavaMapOrder } from '../../contract/java-map.ts';
import type { Lsn } from '../../contract/lsn.ts';
import type { Position } from '../../contract/position.ts';
import type { ProducedRecord } from '../../contract/records.ts';
import type { SourceConfig } from '../config/source-config.ts';

const field = (name: string, type: 'string' | 'int64', optional = false) => ({ type, optional, field: name });
const struct = (name: string, fields: readonly unknown[]) => ({
  type: 'struct',
  fields,
  optional: false,
  name: `io.debezium.connector.common.${name}`,
  version: 1,
});

const HEARTBEAT_KEY = struct('ServerNameKey', [field('serverName', 'string')]);
const HEARTBEAT = struct('Heartbeat', [field('ts_ms', 'int64')]);
const TRANSACTION_KEY = struct('TransactionMetadataKey', [field('id', 'string')]);
const TRANSACTION = struct('TransactionMetadataValue', [
  field('status', 'string'),
  field('id', 'string'),
  field('event_count', 'int64', true),
  {
    type: 'array',
    items: {
      type: 'struct',
      fields: [field('data_collection', 'string'), field('event_count', 'int64')],
      optional: true,
      name: 'event.collection',
      version: 1,
    },
    optional: true,
    field: 'data_collections',
  },
  field('ts_ms', 'int64'),
]);

interface Part {
  readonly schema: unknown;
  readonly payload: unknown;
}

/** A record that is no change of a row, and so has no position; in the JSON of Connect's JsonConverter. */
function sideRecord(
  { schemasEnable }: SourceConfig['encoder'],
  topic: string,
  key: Part,
  value: Part,
): ProducedRecord {
  const json = ({ schema, payload }: Part, withSchema: boolean) =>
    Buffer.from(JSON.stringify(withSchema ? { schema, payload } : payload));
  return {
    topic,
    key: json(key, schemasEnable.key),
    value: json(value, schemasEnable.value),
    headers: new Map(),
    position: '' as Position,
  };
}

/**
 * Debezium's heartbeat record (`heartbeat.interval.ms`). Our slot does not need it, because keepalives move its
 * position; it shows readers of the topic that the connector is alive.
 */
export function heartbeat(config: SourceConfig, nowMs: number): ProducedRecord {
  return sideRecord(
    config.encoder,
    config.heartbeat.topic,
    { schema: HEARTBEAT_KEY, payload: { serverName: config.topicPrefix } },
    { schema: HEARTBEAT, payload: { ts_ms: nowMs } },
  );
}

/**
 * `provide.transaction.metadata`: counts the events of one transaction, and makes the records before and after them in
 * the topic `PREFIX.transaction`. Source: Debezium 3.6, "Transaction metadata".
 */
export class TransactionMetadata {
  readonly #config: SourceConfig;
  readonly #xid: number;
  readonly #commitTimeUs: bigint;
  readonly #counts = new Map<string, number>();
  #total = 0;

  constructor(config: SourceConfig, begin: { readonly xid: number; readonly commitTimeUs: bigint }) {
    this.#config = config;
    this.#xid = begin.xid;
    this.#commitTimeUs = begin.commitTimeUs;
  }

  /** The block of the next event, a change of `table` (`schema.table`) at this LSN. */
  next(table: string, lsn: Lsn): TransactionBlock {
    const count = (this.#counts.get(table) ?? 0) + 1;
    this.#counts.set(table, count);
    this.#total += 1;
    return { id: this.#id(lsn), total_order: this.#total, data_collection_order: count };
  }

  begin(lsn: Lsn): ProducedRecord {
    return this.#record('BEGIN', lsn, { event_count: null, data_collections: null });
  }

  end(lsn: Lsn): ProducedRecord {
    const data_collections = inJavaMapOrder([...this.#counts]).map(([data_collection, event_count]) => ({
      data_collection,
      event_count,
    }));
    return this.#record('END', lsn, { event_count: this.#total, data_collections });
  }

  #id(lsn: Lsn): string {
    return `${this.#xid}:${lsn}`;
  }

  #record(status: 'BEGIN' | 'END', lsn: Lsn, counts: object): ProducedRecord {
    const id = this.#id(lsn);
    return sideRecord(
      this.#config.encoder,
      `${this.#config.topicPrefix}.transaction`,
      { schema: TRANSACTION_KEY, payload: { id } },
      { schema: TRANSACTION, payload: { status, id, ...counts, ts_ms: Number(this.#commitTimeUs / 1000n) } },
    );
  }
}
