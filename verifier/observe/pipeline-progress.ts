import type { Lsn } from '../../pipeline/contract/lsn.ts';
import { METADATA_COLUMNS, OFFSETS_TABLE } from '../../pipeline/contract/sink-tables.ts';
import type { VerifierConfig } from '../config.ts';
import { readLsn } from '../connection/lsn.ts';
import type { Database } from '../connection/postgres.ts';
import { ident, literal } from '../connection/postgres.ts';
import { connectorView, snapshotRunning } from './connect-rest.ts';
import { type ConnectorView, distance, type FenceInputs, type Offsets } from './fence.ts';
import { tablesInCopy } from './sink/subscription.ts';
import type { KafkaView, TopicOffsets } from './topic/kafka-view.ts';
import { normalTopicId, topicIds } from './topic/topic-ids.ts';
import { type RawRecord, readRecords } from './topic/topic-reader.ts';

/** Gives a connection, or throws why there is none. */
export interface Connections {
  source(): Promise<Database>;
  sink(): Promise<Database>;
  /** Null where no Kafka is configured. */
  kafka(): Promise<KafkaView | null>;
}

/** What the fence looks at, read from a real pipeline. */
export class PipelineProgress implements FenceInputs {
  readonly #config: VerifierConfig;
  readonly #connections: Connections;
  readonly #topics: () => Promise<readonly string[]>;
  #topicIds: { readonly atMs: number; readonly ids: ReadonlyMap<string, string> } | null = null;
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

  /**
   * The later of what the sink database holds and what the group committed: each is the pipeline's claim "done".
   * @throws where it is the claim for another topic of that name: one that was deleted and created again.
   */
  async sinkOffsets(): Promise<Offsets> {
    const sink = await this.#connections.sink();
    const topics = await this.#topics();
    const stored = await storedOffsets(sink, this.#config, topics);
    const offsets = new Map<string, bigint>(stored.offsets);
    const kafka = await this.#connections.kafka();
    if (kafka === null) return offsets;
    await this.#refuseRecreated(stored.topicIds);
    const group = this.#config.consumerGroup;
    if (group !== null) {
      for (const [partition, offset] of await kafka.committed(group, topics)) {
        if ((offsets.get(partition) ?? 0n) < offset) offsets.set(partition, offset);
      }
    }
    await this.#refuseBeyondEnd(kafka, offsets);
    return offsets;
  }

  /** Ends without what carries no data behind the sink's offsets: markers of transactions, aborted records. */
  async dataEnds(ends: Offsets, done: Offsets): Promise<Offsets> {
    const kafka = await this.#connections.kafka();
    if (kafka === null || distance(ends, done) > TAIL_RECORDS) return ends;
    const last = new Map(
      [...ends].map(([partition, end]) => [partition, least(end, done.get(partition) ?? 0n)]),
    );
    const onRecord = ({ topic, partition, offset }: RawRecord): void => {
      last.set(`${topic}/${partition}`, offset + 1n);
    };
    const problem = await readRecords(kafka, done, ends, onRecord, AbortSignal.timeout(TAIL_MS));
    return problem === '' ? last : ends;
  }

  /** A sink that stores the topic's id with its offset tells by itself which topic it has read. */
  async #refuseRecreated(stored: ReadonlyMap<string, string>): Promise<void> {
    const { kafka } = this.#config;
    if (kafka === null || stored.size === 0) return;
    const known = this.#topicIds;
    const fresh = known !== null && performance.now() - known.atMs < TOPIC_IDS_MS;
    const ids = fresh ? known.ids : await topicIds(kafka, [...stored.keys()]);
    if (!fresh) this.#topicIds = { atMs: performance.now(), ids };
    for (const [topic, id] of stored) {
      const now = ids.get(topic);
      if (now === undefined || normalTopicId(id) === now) continue;
      throw new Error(
        `the topic ${topic} was deleted and created again after the sink had stored its offset`,
      );
    }
  }

  async #refuseBeyondEnd(kafka: KafkaView, done: Offsets): Promise<void> {
    const beyond = (ends: Offsets): string | undefined =>
      [...ends].find(([partition, end]) => (done.get(partition) ?? 0n) > end)?.[0];
    if (beyond((await this.#topicOffsets()).ends) === undefined) return;
    // The ends may have been read before the offsets: read again, they are not.
    const { ends } = await kafka.offsets(await this.#topics());
    const partition = beyond(ends);
    if (partition === undefined) return;
    const claim = `the sink's offset in ${partition} is ${done.get(partition)}, the topic ends at ${ends.get(partition)}`;
    throw new Error(`${claim}: it was deleted and created again, or has lost records`);
  }

  async snapshotRunning(): Promise<boolean> {
    const { subscription } = this.#config.sink;
    if (subscription !== null) {
      const sink = await this.#connections.sink();
      if ((await tablesInCopy(sink, subscription, QUICK_MS)) > 0) return true;
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

/** Records read at most to see whether any of them carries data; and time for it. */
const TAIL_RECORDS = 10_000n;
const TAIL_MS = 10_000;
const TOPIC_IDS_MS = 2_000;

function least(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}

/** What the fence asks is answered at once, or not at all. */
const QUICK_MS = 5_000;
const EMIT_SQL = `SELECT pg_logical_emit_message(true, 'cdc-lab.fence', '')`;

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
): Promise<{ readonly offsets: Offsets; readonly topicIds: ReadonlyMap<string, string> }> {
  const sql = `SELECT attname AS name FROM pg_attribute
               WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped`;
  const table = `${ident(config.sink.schema)}.${ident(OFFSETS_TABLE)}`;
  const columns = (await sink.query(sql, [table], QUICK_MS)).map((row) => row.name ?? '');
  const offset = OFFSET_COLUMNS.find((name) => columns.includes(name));
  const offsets = new Map<string, bigint>();
  const ids = new Map<string, string>();
  if (offset === undefined) return { offsets, topicIds: ids };
  const names = config.connectors.filter((c) => c.type === 'sink').map((c) => c.name);
  const own = columns.includes('connector') && names.length > 0;
  const id = columns.includes('topic_id') ? 'max(topic_id)' : 'NULL';
  const rows = await sink.query(
    `SELECT topic, partition::text AS partition, max(${ident(offset)})::text AS next, ${id} AS topic_id FROM ${table}
     WHERE topic = ANY ($1) ${own ? `AND connector = ANY (ARRAY[${names.map(literal).join(', ')}])` : ''}
     GROUP BY 1, 2`,
    [topics],
    QUICK_MS,
  );
  for (const row of rows) {
    offsets.set(`${row.topic}/${row.partition}`, BigInt(row.next ?? 0));
    if (row.topic_id !== null && row.topic_id !== undefined && row.topic_id !== '')
      ids.set(row.topic ?? '', row.topic_id);
  }
  return { offsets, topicIds: ids };
}

/** Columns and tables that the sink keeps for itself: they are not part of the copy. */
export function isBookkeeping(name: string): boolean {
  return name.startsWith('_cdc_') || Object.values<string>(METADATA_COLUMNS).includes(name);
}
