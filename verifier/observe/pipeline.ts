import type { Lsn } from '../../pipeline/contract/lsn.ts';
import { METADATA_COLUMNS, OFFSETS_TABLE } from '../../pipeline/contract/sink-tables.ts';
import type { VerifierConfig } from '../config.ts';
import type { ConnectorView, FenceInputs, Offsets } from '../fence.ts';
import { readLsn } from '../lsn.ts';
import type { Database } from '../postgres.ts';
import { ident, literal } from '../postgres.ts';
import { connectorView, snapshotRunning } from './connect.ts';
import type { KafkaView, TopicOffsets } from './kafka.ts';

/** Gives a connection, or throws why there is none. */
export interface Connections {
  source(): Promise<Database>;
  sink(): Promise<Database>;
  /** Null where no Kafka is configured. */
  kafka(): Promise<KafkaView | null>;
}

/** What the fence looks at, read from a real pipeline. */
export class PipelineView implements FenceInputs {
  readonly #config: VerifierConfig;
  readonly #connections: Connections;
  readonly #topics: () => Promise<readonly string[]>;
  #offsets: { readonly atMs: number; readonly value: Promise<TopicOffsets> } | null = null;

  constructor(config: VerifierConfig, connections: Connections, topics: () => Promise<readonly string[]>) {
    this.#config = config;
    this.#connections = connections;
    this.#topics = topics;
  }

  /**
   * The message's commit flushes what was committed without waiting for the disk, and gives an idle slot something
   * behind the position to be moved past it.
   */
  async position(): Promise<Lsn> {
    const source = await this.#connections.source();
    const row = await source.one('SELECT pg_current_wal_insert_lsn()::text AS lsn', [], QUICK_MS);
    if (this.#config.source.emitMessages) await source.query(EMIT_SQL, [], QUICK_MS);
    const lsn = readLsn(row.lsn ?? '');
    return this.#config.source.emitMessages ? lsn : endOfRecord(lsn);
  }

  async slotConfirmed(): Promise<Lsn | null> {
    const slot = this.#config.source.slot;
    if (slot === null) return null;
    const source = await this.#connections.source();
    const sql = `SELECT confirmed_flush_lsn::text AS lsn, wal_status FROM pg_replication_slots
                 WHERE slot_name = $1 AND database = current_database()`;
    const [row] = await source.query(sql, [slot], QUICK_MS);
    if (row === undefined) throw new Error(`the replication slot ${slot} does not exist`);
    if (row.wal_status === 'lost')
      throw new Error(`the replication slot ${slot} is lost: its WAL was removed`);
    if (row.lsn === null || row.lsn === undefined)
      throw new Error(`the replication slot ${slot} is not ready`);
    return readLsn(row.lsn);
  }

  async endOffsets(): Promise<Offsets> {
    this.#offsets = null;
    return (await this.#topicOffsets()).ends;
  }

  async firstOffsets(): Promise<Offsets> {
    return (await this.#topicOffsets()).firsts;
  }

  /** The later of what the sink database holds and what the group committed: each is the pipeline's claim "done". */
  async sinkOffsets(): Promise<Offsets> {
    const sink = await this.#connections.sink();
    const topics = await this.#topics();
    const offsets = new Map<string, bigint>(await storedOffsets(sink, this.#config, topics));
    const kafka = await this.#connections.kafka();
    const group = this.#config.consumerGroup;
    if (kafka !== null && group !== null) {
      for (const [partition, offset] of await kafka.committed(group, topics)) {
        if ((offsets.get(partition) ?? 0n) < offset) offsets.set(partition, offset);
      }
    }
    return offsets;
  }

  async snapshotRunning(): Promise<boolean> {
    const { subscription } = this.#config.sink;
    if (subscription !== null) {
      const sink = await this.#connections.sink();
      if ((await sink.one(COPYING_SQL, [subscription], QUICK_MS)).copying !== '0') return true;
    }
    for (const connector of this.#config.connectors.filter((c) => c.type === 'source')) {
      if (await snapshotRunning(connector)) return true;
    }
    return false;
  }

  async connectors(): Promise<readonly ConnectorView[]> {
    return await Promise.all(this.#config.connectors.map((connector) => connectorView(connector)));
  }

  /** One request serves the first and the end offsets of one look. */
  async #topicOffsets(): Promise<TopicOffsets> {
    const known = this.#offsets;
    if (known !== null && performance.now() - known.atMs < 1_000) return await known.value;
    const value = this.#readOffsets();
    this.#offsets = { atMs: performance.now(), value };
    value.catch(() => {
      this.#offsets = null;
    });
    return await value;
  }

  async #readOffsets(): Promise<TopicOffsets> {
    const kafka = await this.#connections.kafka();
    return kafka === null
      ? { firsts: new Map(), ends: new Map() }
      : await kafka.offsets(await this.#topics());
  }
}

/** What the fence asks is answered at once, or not at all. */
const QUICK_MS = 5_000;
const EMIT_SQL = `SELECT pg_logical_emit_message(true, 'cdc-lab.fence', '')`;

/** Tables of a subscription that are not yet carried by its own slot. */
const COPYING_SQL = `
  SELECT count(*)::text AS copying FROM pg_subscription_rel r JOIN pg_subscription s ON s.oid = r.srsubid
  JOIN pg_database d ON d.oid = s.subdbid
  WHERE s.subname = $1 AND d.datname = current_database() AND r.srsubstate <> 'r'`;

/** Sizes by default. A segment's first page has a longer header than the others. */
const WAL_PAGE = { bytes: 8192n, headerBytes: 24n };
const WAL_SEGMENT = { bytes: 16n * 1024n * 1024n, headerBytes: 40n };

/**
 * Where the last record ends. The insert position behind a record that fills its page stands after the next page's
 * header: nothing is there yet, and an idle slot would never confirm it.
 */
function endOfRecord(insert: Lsn): Lsn {
  for (const { bytes, headerBytes } of [WAL_SEGMENT, WAL_PAGE]) {
    if (insert % bytes === headerBytes) return (insert - headerBytes) as Lsn;
  }
  return insert;
}

/** Names that pipelines give to the next offset. */
const OFFSET_COLUMNS = ['next_offset', 'offset', 'position'];

async function storedOffsets(
  sink: Database,
  config: VerifierConfig,
  topics: readonly string[],
): Promise<Offsets> {
  const sql = `SELECT attname AS name FROM pg_attribute
               WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped`;
  const table = `${ident(config.sink.schema)}.${ident(OFFSETS_TABLE)}`;
  const columns = (await sink.query(sql, [table], QUICK_MS)).map((row) => row.name ?? '');
  const offset = OFFSET_COLUMNS.find((name) => columns.includes(name));
  const offsets = new Map<string, bigint>();
  if (offset === undefined) return offsets;
  const names = config.connectors.filter((c) => c.type === 'sink').map((c) => c.name);
  const own = columns.includes('connector') && names.length > 0;
  const rows = await sink.query(
    `SELECT topic, partition::text AS partition, max(${ident(offset)})::text AS next FROM ${table}
     WHERE topic = ANY ($1) ${own ? `AND connector = ANY (ARRAY[${names.map(literal).join(', ')}])` : ''}
     GROUP BY 1, 2`,
    [topics],
    QUICK_MS,
  );
  for (const row of rows) offsets.set(`${row.topic}/${row.partition}`, BigInt(row.next ?? 0));
  return offsets;
}

/** Columns and tables that the sink keeps for itself: they are not part of the copy. */
export function isBookkeeping(name: string): boolean {
  return name.startsWith('_cdc_') || Object.values<string>(METADATA_COLUMNS).includes(name);
}
