import type { Logger } from '../../contract/connector.ts';
import type { OffsetBook } from '../position/offset-book.ts';
import type { SnapshotJob } from '../position/source-offset.ts';
import type { SignalOrder } from './signals.ts';

/** Filters are kept in the connector's offset, which must fit into one Kafka record. */
const MOST_FILTER_BYTES = 512 * 1024;

/**
 * Adds to the book the snapshot that a signal orders, or removes the tables whose snapshot it stops. The caller stores
 * the book and then starts what it holds.
 * @param cancel Ends a running snapshot.
 */
export function followOrder(
  order: SignalOrder,
  book: OffsetBook,
  cancel: (id: string) => void,
  log: Logger,
): void {
  switch (order.tag) {
    case 'snapshot':
      addSnapshot(order.job, book, log);
      return;
    case 'stop':
      stopSnapshots(order.tables, book, cancel, log);
      return;
    case 'none':
      return;
  }
}

function addSnapshot(job: SnapshotJob, book: OffsetBook, log: Logger): void {
  if (!fits(job, book.current.snapshots)) {
    log.error(
      'Signal ignored: its filters and those of the waiting snapshots are too long. Send it again when these are done.',
      { signal: job.id },
    );
  } else if (book.addSnapshot(job)) {
    log.info('Snapshot ordered by a signal.', { snapshot: job.id, kind: job.kind });
  }
}

/** True if there is room for the filters of one more job beside those that wait. */
function fits(job: SnapshotJob, waiting: readonly SnapshotJob[]): boolean {
  const filters = [...waiting, job].flatMap(({ tables }) => tables.map(({ filter }) => filter ?? ''));
  return filters.reduce((sum, filter) => sum + Buffer.byteLength(filter), 0) <= MOST_FILTER_BYTES;
}

/** @param tables Undefined: every table of every incremental snapshot. */
function stopSnapshots(
  tables: readonly RegExp[] | undefined,
  book: OffsetBook,
  cancel: (id: string) => void,
  log: Logger,
): void {
  for (const job of book.current.snapshots) {
    const left = job.tables.filter((t) => tables?.every((e) => !e.test(`${t.schema}.${t.table}`)) ?? false);
    if (job.kind !== 'incremental' || left.length === job.tables.length) continue;
    cancel(job.id);
    book.removeSnapshot(job.id);
    if (left.length > 0) book.addSnapshot({ ...job, tables: left });
    log.warn('Snapshot stopped by a signal.', { snapshot: job.id, left: left.length });
  }
}
