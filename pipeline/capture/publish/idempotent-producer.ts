import { setTimeout as delay } from 'node:timers/promises';
import { findErrorBy, Producer } from '@platformatic/kafka';
import type { ProducedRecord } from '../../contract/records.ts';
import type { Compression } from '../config/source-config.ts';
import { baseOptions, type KafkaAddress, RETRIES, RETRY_DELAY_MS } from './kafka-clients.ts';
import { type PartitionBatch, type ProduceVersion, produce, produceVersion } from './produce-request.ts';
import { encodeRecordBatch, nextSequence } from './record-batch.ts';

/** Enough for most requests. */
const ROOM_BYTES = 1_310_720;

/** Records of one partition, in order. */
export interface PartitionRecords {
  readonly topic: string;
  readonly partition: number;
  readonly records: readonly ProducedRecord[];
}

/**
 * An idempotent producer with `acks=all`. It uses the client library's connections and metadata, but writes the record
 * batches itself, because the library makes a dozen objects for every record. One request at a time is in flight, in
 * the order of the calls of {@link send}; the batches of waiting requests are already written. After its first failure
 * it refuses every call.
 */
export class IdempotentProducer {
  readonly #library: Producer;
  readonly #compression: Compression;
  readonly #timeoutMs: number;
  /** Sequence number of the next record, by topic and partition. */
  readonly #sequences = new Map<string, number>();
  /** Buffers for batches that no request uses. */
  readonly #rooms: Buffer[] = [];
  #identity: Promise<Identity> | undefined;
  /** Settles with the latest request. */
  #last: Promise<void> = Promise.resolve();
  #broken: { readonly cause: unknown } | undefined;

  constructor(address: KafkaAddress, compression: Compression) {
    this.#library = new Producer({ ...baseOptions(address), idempotent: true, autocreateTopics: false });
    this.#compression = compression;
    this.#timeoutMs = address.requestTimeoutMs;
  }

  /**
   * Sends one batch to each partition. A retry sends the same bytes, and so the same sequence numbers: a broker that
   * already has them acknowledges and appends nothing.
   * @throws the library's error of the last attempt. The records may or may not be in the log, so every later call
   * throws too.
   */
  async send(partitions: readonly PartitionRecords[]): Promise<void> {
    try {
      this.#identity ??= this.#identify();
      const identity = await this.#identity;
      // Nothing is awaited between here and `#last`: sequence numbers follow the order of the requests.
      const room = this.#rooms.pop() ?? Buffer.allocUnsafeSlow(ROOM_BYTES);
      const batches = this.#write(partitions, identity, room);
      const sent = this.#last.then(() => this.#sendInTurn(batches, identity.version));
      this.#last = sent.catch(() => {});
      await sent;
      this.#rooms.push(room);
    } catch (cause) {
      this.#broken ??= { cause };
      throw cause;
    }
  }

  async close(): Promise<void> {
    await this.#library.close();
  }

  #write(
    partitions: readonly PartitionRecords[],
    { producerId, producerEpoch }: Identity,
    room: Buffer,
  ): PartitionBatch[] {
    const timestampMs = Date.now();
    let used = 0;
    return partitions.map(({ topic, partition, records }): PartitionBatch => {
      const name = `${topic}:${partition}`;
      const firstSequence = this.#sequences.get(name) ?? 0;
      this.#sequences.set(name, nextSequence(firstSequence, records.length));
      const head = { producerId, producerEpoch, firstSequence, timestampMs, compression: this.#compression };
      const bytes = encodeRecordBatch(records, head, room.subarray(used));
      if (bytes.buffer === room.buffer) used += bytes.length;
      return { topic, partition, bytes };
    });
  }

  async #sendInTurn(batches: readonly PartitionBatch[], version: ProduceVersion): Promise<void> {
    if (this.#broken) throw new Error('The producer failed before.', this.#broken);
    for (let attempt = 0; ; attempt++) {
      try {
        await this.#sendOnce(batches, version, attempt > 0);
        return;
      } catch (error) {
        if (attempt >= RETRIES || !isRetriable(error)) {
          // Set before the next request has its turn.
          this.#broken = { cause: error };
          throw error;
        }
        await delay(RETRY_DELAY_MS);
      }
    }
  }

  async #identify(): Promise<Identity> {
    const apis = await this.#library.listApis();
    const range = apis.find(({ name }) => name === 'Produce');
    const version = range && produceVersion(range.minVersion, range.maxVersion);
    if (version === undefined) {
      throw new Error('The broker supports no version of the Produce request that this producer knows.');
    }
    const { producerId, producerEpoch } = await this.#library.initIdempotentProducer({});
    return { producerId, producerEpoch, version };
  }

  async #sendOnce(
    batches: readonly PartitionBatch[],
    version: ProduceVersion,
    forceUpdate: boolean,
  ): Promise<void> {
    const topics = [...new Set(batches.map(({ topic }) => topic))];
    const { topics: known, brokers } = await this.#library.metadata({ topics, forceUpdate });
    const byLeader = Map.groupBy(
      batches,
      ({ topic, partition }) => known.get(topic)?.partitions[partition]?.leader ?? -1,
    );
    const requests = [...byLeader].map(async ([leader, led]) => {
      const broker = brokers.get(leader);
      if (broker === undefined) throw new Error(`${led[0]?.topic} has a partition without a leader.`);
      await produce(await this.#library.connections.get(broker), version, led, this.#timeoutMs);
    });
    // Waits for all of them: a retry must not overtake a request that is still in flight.
    for (const outcome of await Promise.allSettled(requests)) {
      if (outcome.status === 'rejected') throw outcome.reason;
    }
  }
}

interface Identity {
  readonly producerId: bigint;
  readonly producerEpoch: number;
  readonly version: ProduceVersion;
}

function isRetriable(error: unknown): boolean {
  return !(error instanceof Error && findErrorBy(error, 'canRetry', false));
}
