import type { Consumer } from '@platformatic/kafka';
import type { ConsumedRecord } from '../../contract/records.ts';
import { RecordHeaders } from '../decode/record-headers.ts';

type FetchResponse = Awaited<ReturnType<Consumer['fetch']>>;
/** One partition of a fetch response, as the client library decodes it. */
export type PartitionResponse = FetchResponse['responses'][number]['partitions'][number];
type RecordsBatch = NonNullable<PartitionResponse['records']>[number];

/** What one fetch returned for one partition. */
export interface FetchedPartition {
  readonly topic: string;
  readonly partition: number;
  readonly records: readonly ConsumedRecord[];
  /** Where to fetch next: after everything in the response, including control records and aborted transactions. */
  readonly nextOffset: bigint;
}

const CONTROL = 0x20;
const TRANSACTIONAL = 0x10;
/** The type of a control record that aborts its transaction; its key is a version (int16) and a type (int16). */
const ABORT = 0;

function isAbort(batch: RecordsBatch): boolean {
  const key = batch.records[0]?.key;
  return key !== null && key !== undefined && key.length >= 4 && key.readInt16BE(2) === ABORT;
}

/**
 * The records that a consumer with `isolation.level=read_committed` may see, from one partition of a fetch response.
 *
 * As in Kafka's CompletedFetch, a transaction listed as aborted is left out from its first offset up to its marker, even
 * if the marker is in a later response. (The client library leaves it out only if the marker is in the same response.)
 */
export function readCommitted(
  topic: string,
  response: PartitionResponse,
  fetchOffset: bigint,
): FetchedPartition {
  const partition = response.partitionIndex;
  const aborted = [...(response.abortedTransactions ?? [])].sort((a, b) =>
    a.firstOffset < b.firstOffset ? -1 : 1,
  );
  const aborting = new Set<bigint>();
  const records: ConsumedRecord[] = [];
  let nextOffset = fetchOffset;
  for (const batch of response.records ?? []) {
    const last = batch.firstOffset + BigInt(batch.lastOffsetDelta);
    while (aborted[0] !== undefined && aborted[0].firstOffset <= last) {
      const begun = aborted.shift();
      if (begun !== undefined) aborting.add(begun.producerId);
    }
    if (last >= nextOffset) nextOffset = last + 1n;
    if ((batch.attributes & CONTROL) !== 0) {
      if (isAbort(batch)) aborting.delete(batch.producerId);
      continue;
    }
    if ((batch.attributes & TRANSACTIONAL) !== 0 && aborting.has(batch.producerId)) continue;
    appendRecords(records, topic, partition, batch, fetchOffset);
  }
  return { topic, partition, records, nextOffset };
}

function appendRecords(
  into: ConsumedRecord[],
  topic: string,
  partition: number,
  batch: RecordsBatch,
  fetchOffset: bigint,
): void {
  for (const record of batch.records) {
    const offset = batch.firstOffset + BigInt(record.offsetDelta);
    // The broker returns whole batches: the first one may begin before the requested offset.
    if (offset < fetchOffset) continue;
    into.push({
      topic,
      partition,
      offset,
      key: record.key,
      value: record.value,
      headers: new RecordHeaders(record.headers),
      timestampMs: Number(batch.firstTimestamp + record.timestampDelta),
    });
  }
}
