/**
 * `pipeline/capture/snapshot`: reads tables at one position of the WAL, beside the stream or before it.
 * In: snapshot jobs, from the start or from rows of the signalling table.
 * Out: a read event per row to the publish stage, and a checkpoint per chunk in the offset.
 * Promises: each row has the snapshot's position, older than every change that the snapshot does not contain and newer
 * than every change that it does; a chunk is checkpointed only after Kafka has acknowledged all of it.
 */

import type { SnapshotJob, TableProgress } from '../position/source-offset.ts';
import type { CatalogueTable } from '../source/catalogue.ts';
import { FilterError, type SnapshotReader } from './snapshot-reader.ts';
import { type SnapshotRunOptions, TableRun } from './table-run.ts';

/**
 * Publishes the rows of a snapshot chunk by chunk, and then removes the job from the offset. It resumes after the last
 * checkpoint of the job. If a filter of the job fails, it logs an error and gives the job up: a signal must not be able
 * to stop the pipeline.
 */
export async function runSnapshot(job: SnapshotJob, options: SnapshotRunOptions): Promise<void> {
  const { log, book } = options;
  try {
    await publishAll(job, options);
  } catch (error) {
    if (!(error instanceof FilterError)) throw error;
    log.error(`Snapshot given up, because one of its filters fails: ${error.message}`, { snapshot: job.id });
    book.removeSnapshot(job.id);
    await book.store();
  }
}

async function publishAll(job: SnapshotJob, options: SnapshotRunOptions): Promise<void> {
  const { reader, log, book, signal } = options;
  const todo = job.tables.filter((table) => !table.done);
  const goesOn = job.tables.some(({ done, lastKey }) => done || lastKey !== null);
  log.info(goesOn ? 'Snapshot goes on after its last checkpoint.' : 'Snapshot started.', {
    snapshot: job.id,
    kind: job.kind,
    tables: todo.map((t) => `${t.schema}.${t.table}`),
  });
  const tables = await reader.lock(todo);
  const last = await lastWithRows(todo, tables, reader);
  let rows = 0;
  for (const [i, progress] of todo.entries()) {
    const table = tables.find((t) => t.schema === progress.schema && t.table === progress.table);
    if (table === undefined) {
      log.error('A table of the snapshot no longer exists; it is left out.', {
        snapshot: job.id,
        table: `${progress.schema}.${progress.table}`,
      });
      continue;
    }
    const place = { first: progress === job.tables[0], last: i === last };
    rows += await new TableRun(job, table, progress, options, place).run();
    if (signal.aborted) return;
  }
  book.removeSnapshot(job.id);
  if (job.kind === 'initial') book.change({ snapshotCompleted: true });
  await book.store();
  log.info('Snapshot completed.', { snapshot: job.id, kind: job.kind, rows });
}

/** Index of the table with the last row of the snapshot, whose event is marked as the last. */
async function lastWithRows(
  todo: readonly TableProgress[],
  tables: readonly CatalogueTable[],
  reader: SnapshotReader,
): Promise<number> {
  for (let i = todo.length - 1; i > 0; i--) {
    const table = tables.find((t) => t.schema === todo[i]?.schema && t.table === todo[i]?.table);
    if (table !== undefined && (await reader.hasRows(table, todo[i]?.filter))) return i;
  }
  return 0;
}
