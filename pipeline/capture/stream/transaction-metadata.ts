import type { TransactionBlock } from '../../contract/envelope.ts';
import { inJavaMapOrder } from '../../contract/java-map.ts';
import type { Lsn } from '../../contract/lsn.ts';
import type { Position } from '../../contract/position.ts';
import type { ProducedRecord } from '../../contract/records.ts';
import type { SourceConfig } from '../config/source-config.ts';

const field = (name: string, type: 'string' | 'int64', optional = false) => ({ type, optional, field: name });
const KEY_SCHEMA = {
  type: 'struct',
  fields: [field('id', 'string')],
  optional: false,
  name: 'io.debezium.connector.common.TransactionMetadataKey',
  version: 1,
};
const VALUE_SCHEMA = {
  type: 'struct',
  fields: [
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
  ],
  optional: false,
  name: 'io.debezium.connector.common.TransactionMetadataValue',
  version: 1,
};

/**
 * `provide.transaction.metadata`: the events of one transaction, counted, and a record before and after them in the
 * topic `PREFIX.transaction`. Source: Debezium 3.6, "Transaction metadata".
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

  /** The block of the next event, which is of `table` (`schema.table`) and at this LSN. */
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
    const { encoder, topicPrefix } = this.#config;
    const json = (schema: unknown, payload: unknown) =>
      Buffer.from(JSON.stringify(encoder.schemasEnable ? { schema, payload } : payload));
    const id = this.#id(lsn);
    return {
      topic: `${topicPrefix}.transaction`,
      key: json(KEY_SCHEMA, { id }),
      value: json(VALUE_SCHEMA, { status, id, ...counts, ts_ms: Number(this.#commitTimeUs / 1000n) }),
      headers: new Map(),
      // No change, so it has no place among them.
      position: '' as Position,
    };
  }
}
