import {
  type Connection,
  produceV3,
  produceV4,
  produceV5,
  produceV6,
  produceV7,
  produceV8,
  produceV9,
  produceV10,
  produceV11,
  Writer,
} from '@platformatic/kafka';

/** The client library's parsers of the response, newest version first. */
const VERSIONS = [
  produceV11,
  produceV10,
  produceV9,
  produceV8,
  produceV7,
  produceV6,
  produceV5,
  produceV4,
  produceV3,
];
export type ProduceVersion = (typeof VERSIONS)[number];

/** From version 9 the request has compact lengths and tagged fields: KIP-482. */
const FIRST_FLEXIBLE = 9;
const ACKS_ALL = -1;

/** One record batch and its destination. */
export interface PartitionBatch {
  readonly topic: string;
  readonly partition: number;
  readonly bytes: Buffer;
}

/** The newest version that both sides support; undefined if there is none. */
export function produceVersion(minVersion: number, maxVersion: number): ProduceVersion | undefined {
  return VERSIONS.find(({ api }) => api.version >= minVersion && api.version <= maxVersion);
}

/**
 * Sends batches to the broker that leads their partitions, with `acks=all`. Resolves when it has acknowledged all.
 * @throws the library's errors; if a partition refuses its batch, one that names the broker's error.
 */
export function produce(
  connection: Connection,
  version: ProduceVersion,
  batches: readonly PartitionBatch[],
  timeoutMs: number,
): Promise<void> {
  const flexible = version.api.version >= FIRST_FLEXIBLE;
  const topics = Object.entries(Object.groupBy(batches, ({ topic }) => topic));
  const request = () => {
    const writer = Writer.create()
      .appendString(null, flexible) // no transactional id
      .appendInt16(ACKS_ALL)
      .appendInt32(timeoutMs)
      .appendArray(
        topics,
        (w, [topic, partitions = []]) => {
          w.appendString(topic, flexible).appendArray(
            [...partitions],
            (v, { partition, bytes }) => {
              v.appendInt32(partition);
              if (flexible) v.appendUnsignedVarInt(bytes.length + 1);
              else v.appendInt32(bytes.length);
              v.append(bytes);
            },
            flexible,
            flexible,
          );
        },
        flexible,
        flexible,
      );
    return flexible ? writer.appendTaggedFields() : writer;
  };
  return new Promise((resolve, reject) => {
    connection.send(
      version.api.key,
      version.api.version,
      request,
      version.parseResponse as (typeof produceV11)['parseResponse'],
      flexible,
      flexible,
      (error) => (error ? reject(error) : resolve()),
    );
  });
}
