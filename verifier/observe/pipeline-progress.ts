import type { Lsn } from '../../pipeline/contract/lsn.ts';
import type { VerifierConfig } from '../config.ts';
import { durationText } from '../units.ts';
import { connectorView, snapshotRunning } from './connect-rest.ts';
import type { Connections } from './connections.ts';
import type { ConnectorView, FenceInputs } from './fence.ts';
import { distance, type Offsets } from './offsets.ts';
import { storedOffsets } from './sink/stored-offsets.ts';
import { tablesInCopy } from './sink/subscription.ts';
import { confirmedFlush } from './source/slot.ts';
import { positionBehindCommits } from './source/wal-position.ts';
import { highWatermarks } from './topic/high-watermarks.ts';
import type { TopicOffsets } from './topic/kafka-view.ts';
import { type OpenTransaction, openTransactions } from './topic/open-transactions.ts';
import { normalTopicId, topicIds } from './topic/topic-ids.ts';
import { partsOf, type RawRecord, readRecords } from './topic/topic-reader.ts';

/** Limit for each query of the fence: its answers come at once, or something is wrong. */
const QUICK_MS = 5_000;
/** At most this many records are read, for this long, to see whether any of them carries data. */
const TAIL_RECORDS = 10_000n;
const TAIL_MS = 10_000;
const TOPIC_IDS_MS = 2_000;
const OFFSETS_MS = 1_000;

/** Without a pipeline to follow, the fence is passed at once, and nothing can have changed behind it. */
export function followsPipeline({ kafka, source, sink, connectors }: VerifierConfig): boolean {
  return kafka !== null || source.slot !== null || sink.subscription !== null || connectors.length > 0;
}

/** How far a real pipeline is: what the fence looks at. */
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

  async position(): Promise<Lsn> {
    const source = await this.#connections.source();
    const { emitMessages: emitMessage } = this.#config.source;
    const options = { emitMessage, replayed: !followsPipeline(this.#config) };
    return await positionBehindCommits(source, options, QUICK_MS);
  }

  async slotConfirmed(): Promise<Lsn | null> {
    const { slot } = this.#config.source;
    return slot === null ? null : await confirmedFlush(await this.#connections.source(), slot, QUICK_MS);
  }

  async endOffsets(): Promise<Offsets> {
    this.#offsets = null;
    return (await this.#topicOffsets()).ends;
  }

  /** kafkajs reports the end of what is committed, which is before an open transaction and everything behind it. */
  async highWatermarks(): Promise<Offsets> {
    const committed = await this.endOffsets();
    const ends = new Map(committed);
    const kafka = await this.#connections.kafka();
    if (kafka === null || this.#config.kafka === null) return ends;
    const partitions = [...committed.keys()].map(partsOf);
    const all = await highWatermarks(this.#config.kafka, await kafka.brokerAddresses(), partitions);
    for (const [partition, end] of all) if (end > (ends.get(partition) ?? 0n)) ends.set(partition, end);
    return ends;
  }

  async firstOffsets(): Promise<Offsets> {
    return (await this.#topicOffsets()).firsts;
  }

  /**
   * For each partition the later of the offset in the sink database and the one that the group committed: with either,
   * the pipeline claims to be done with everything before it.
   * @throws if the claim concerns an earlier topic of the same name, which was deleted and created again.
   */
  async sinkOffsets(): Promise<Offsets> {
    const sink = await this.#connections.sink();
    const topics = await this.#topics();
    const connectors = this.#config.connectors.filter(({ type }) => type === 'sink').map(({ name }) => name);
    const { schema } = this.#config.sink;
    const stored = await storedOffsets(sink, { schema, connectors, topics }, QUICK_MS);
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
    await this.#refuseBeyondEnd(offsets);
    return offsets;
  }

  /** Ends without trailing records that carry no data: transaction markers and aborted records. */
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

  /** Open transactions that hold back a partition which the sink has not read to its end. */
  async blockers(ends: Offsets, done: Offsets): Promise<readonly string[]> {
    const kafka = await this.#connections.kafka();
    if (kafka === null || this.#config.kafka === null) return [];
    const behind = [...ends].filter(([partition, end]) => (done.get(partition) ?? 0n) < end);
    const partitions = behind.map(([partition]) => partsOf(partition));
    const open = await openTransactions(this.#config.kafka, await kafka.brokerAddresses(), partitions);
    return open.map((one) => blockerSentence(one, Date.now()));
  }

  async snapshotRunning(): Promise<boolean> {
    const { subscription } = this.#config.sink;
    if (subscription !== null) {
      const sink = await this.#connections.sink();
      if ((await tablesInCopy(sink, subscription, QUICK_MS)) > 0) return true;
    }
    for (const connector of this.#config.connectors.filter(({ type }) => type === 'source')) {
      if (await snapshotRunning(connector)) return true;
    }
    return false;
  }

  async connectors(): Promise<readonly ConnectorView[]> {
    return await Promise.all(this.#config.connectors.map((connector) => connectorView(connector)));
  }

  /** A sink that stores the topic's id with its offset shows which topic it has read. */
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

  async #refuseBeyondEnd(done: Offsets): Promise<void> {
    const beyond = (ends: Offsets): string | undefined =>
      [...ends].find(([partition, end]) => (done.get(partition) ?? 0n) > end)?.[0];
    if (beyond((await this.#topicOffsets()).ends) === undefined) return;
    // The cached ends may be older than the sink's offsets, so they are read again. A sink that does not read committed
    // records only is further than the end of these.
    const ends = await this.highWatermarks();
    const partition = beyond(ends);
    if (partition === undefined) return;
    const claim = `the sink's offset in ${partition} is ${done.get(partition)}, the topic ends at ${ends.get(partition)}`;
    throw new Error(`${claim}: the topic was deleted and created again, or has lost records`);
  }

  /** One request serves both the first and the end offsets of one look. */
  async #topicOffsets(): Promise<TopicOffsets> {
    const known = this.#offsets;
    if (known !== null && performance.now() - known.atMs < OFFSETS_MS) return await known.value;
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

/** `transaction "x" of producer 7 to end: it holds back t/0 from offset 12 on, and was last written to 30 s ago`. */
export function blockerSentence(open: OpenTransaction, nowMs: number): string {
  const { topic, partition, producerId, transactionalId, firstOffset, lastWriteMs } = open;
  const which = transactionalId === null ? 'an unnamed transaction' : `transaction "${transactionalId}"`;
  const ago = durationText(Math.max(0, nowMs - lastWriteMs));
  return (
    `${which} of producer ${producerId} to end (it holds back ${topic}/${partition} ` +
    `from offset ${firstOffset} on, and was last written to ${ago} ago)`
  );
}

function least(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}
