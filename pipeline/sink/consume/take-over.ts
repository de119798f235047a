import type { ClusterMetadata } from '@platformatic/kafka';
import type { ClientBase } from 'pg';
import type { Logger } from '../../contract/connector.ts';
import { LabError } from '../../contract/errors.ts';
import { Claim } from '../apply/claim.ts';
import type { OffsetStore, StoredOffset } from '../apply/offset-store.ts';
import type { GroupReader, TopicPartition } from './group-reader.ts';

export interface TakeOverRequest {
  readonly client: ClientBase;
  readonly offsets: OffsetStore;
  readonly reader: Pick<GroupReader, 'bounds' | 'committed'>;
  readonly metadata: ClusterMetadata;
  readonly part: TopicPartition;
  readonly log: Logger;
}

const START_OVER =
  'Take a new snapshot of the tables, then remove the stored offsets (PUT /connectors/NAME/stop, DELETE ' +
  '/connectors/NAME/offsets) and start again.';

/**
 * Takes a partition over at the offset that the sink database has stored for it.
 *
 * @throws LabError if that offset belongs to another log (CDC-2001, CDC-2002), is outside of this one (CDC-2003,
 * CDC-2004), or is missing although the group has consumed (CDC-2005): a guess would lose or repeat records.
 */
export async function takeOver(request: TakeOverRequest): Promise<Claim> {
  const { client, offsets, metadata, part } = request;
  const log = { clusterId: metadata.id, topicId: metadata.topics.get(part.topic)?.id ?? '' };
  const stored =
    (await offsets.claim(client, part.topic, part.partition)) ?? (await firstStart(request, log));
  const name = `${part.topic}-${part.partition}`;
  if (stored.clusterId !== log.clusterId) {
    throw new LabError(
      'CDC-2001',
      `the stored offset of ${name} belongs to another Kafka cluster (${stored.clusterId})`,
      {
        remedy: `This cluster is ${log.clusterId}. Connect the sink to the cluster that it read from, or start over: ${START_OVER}`,
      },
    );
  }
  if (stored.topicId !== log.topicId) {
    throw new LabError(
      'CDC-2002',
      `topic ${part.topic} was deleted and created again since the sink read it`,
      {
        remedy: START_OVER,
      },
    );
  }
  const bounds = await request.reader.bounds(part.topic);
  const start = bounds.start[part.partition] ?? 0n;
  const end = bounds.end[part.partition] ?? 0n;
  if (stored.nextOffset < start) {
    throw new LabError(
      'CDC-2003',
      `records ${stored.nextOffset} to ${start - 1n} of ${name} were deleted before the sink applied them`,
      { remedy: `Raise the topic's retention. ${START_OVER}` },
    );
  }
  if (stored.nextOffset > end) {
    throw new LabError(
      'CDC-2004',
      `the stored offset ${stored.nextOffset} of ${name} is beyond the end of the log, ${end}`,
      {
        remedy: `The broker lost records. ${START_OVER}`,
      },
    );
  }
  return new Claim(stored);
}

async function firstStart(
  { client, offsets, reader, part, log }: TakeOverRequest,
  identity: { clusterId: string; topicId: string },
): Promise<StoredOffset> {
  const committed = await reader.committed(part);
  if (committed !== undefined) {
    throw new LabError(
      'CDC-2005',
      `the consumer group has consumed ${part.topic}-${part.partition} up to ${committed}, but the sink database has no offset for it`,
      {
        remedy:
          'This is another database, or it was restored from an older backup. To read the topic from its start, remove ' +
          "the group's offsets (DELETE /connectors/NAME/offsets).",
      },
    );
  }
  const start = (await reader.bounds(part.topic)).start[part.partition] ?? 0n;
  if (start > 0n) {
    log.warn('the topic no longer has its first records; starting at the first one that it has', {
      ...part,
      offset: String(start),
    });
  }
  const created = await offsets.create(client, part.topic, part.partition, start, identity);
  // If another member was faster, claim the partition from it: the later claim wins.
  const stored = created ?? (await offsets.claim(client, part.topic, part.partition));
  if (stored === undefined) throw new Error(`the offset of ${part.topic}-${part.partition} vanished`);
  return stored;
}
