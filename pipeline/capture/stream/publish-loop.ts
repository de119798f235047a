import type { TaskMetrics } from '../../contract/connector.ts';
import { CRASH_POINTS, type CrashPoint } from '../../contract/crash-points.ts';
import { type ProducedRecord, releaseAll } from '../../contract/records.ts';
import type { PublishStage } from '../../contract/stages.ts';
import type { SourceConfig } from '../config/source-config.ts';
import type { CommitMark } from '../position/commit-mark.ts';
import { REQUEST_BYTES } from '../publish/publisher.ts';
import type { Gate } from '../source/gate.ts';
import type { RecordQueue } from './record-queue.ts';

export interface PublishLoopOptions {
  readonly config: SourceConfig;
  readonly queue: RecordQueue;
  readonly publish: PublishStage;
  readonly gate: Gate;
  readonly metrics: TaskMetrics;
  /** Table of a topic, for the metrics. */
  readonly tableOf: (topic: string) => string;
  /** Waits at a crash point if it is armed. */
  readonly reach: (point: CrashPoint) => Promise<void>;
  /** Called after each batch with the number of its records and the transactions that are now acknowledged. */
  readonly onAcknowledged: (records: number, commits: readonly CommitMark[]) => void;
  /** Ends the loop. */
  readonly ended: AbortSignal;
}

/**
 * Sends the queue's records to Kafka, batch by batch, and acknowledges them in the queue. A record whose fate is unknown,
 * because a send failed, is not released: nothing may write to its bytes while a retry might still read them.
 */
export async function publishLoop(options: PublishLoopOptions): Promise<void> {
  const { config, queue, publish, gate, reach, ended } = options;
  while (!ended.aborted) {
    await queue.ready();
    // Lets the socket's chunk be decoded to its end: one larger batch instead of two.
    await new Promise((resolve) => setImmediate(resolve));
    if (ended.aborted) return;
    const { records, startsTransaction } = queue.take(config.batchRecords, REQUEST_BYTES);
    if (records.length > 0) {
      if (startsTransaction) await reach(CRASH_POINTS.afterRead);
      if (ended.aborted) return;
      await publish.publish(records);
      await reach(CRASH_POINTS.afterProduceBeforeAck);
      if (ended.aborted) return;
      countPublished(records, options);
      releaseAll(records);
    }
    options.onAcknowledged(records.length, queue.acknowledge(records.length));
    const { unacknowledged, bytes } = queue;
    if (unacknowledged <= config.queueRecords / 2 && bytes <= config.queueBytes / 2) gate.release('queue');
  }
}

/** Counts once per run of records of one topic, which are long, instead of once per record. */
function countPublished(
  records: readonly ProducedRecord[],
  { metrics, tableOf }: Pick<PublishLoopOptions, 'metrics' | 'tableOf'>,
): void {
  let start = 0;
  for (let i = 1; i <= records.length; i++) {
    const topic = records[start]?.topic ?? '';
    if (i < records.length && records[i]?.topic === topic) continue;
    metrics.count('published', tableOf(topic), i - start);
    start = i;
  }
}
