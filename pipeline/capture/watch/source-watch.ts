/**
 * `pipeline/capture/watch`: looks at the source and the session from outside the stream.
 * In: the source's WAL end and catalogue, once a second or less; samples of the session.
 * Out: the lag metric, the health components `lag` and `progress`, and an error if a table leaves the publication.
 * Promises: it does no work per row; an idle source and a paused task are never reported as degraded.
 */

import type { Client } from 'pg';
import type { Lsn } from '../../contract/lsn.ts';
import { sleep } from '../../contract/wake.ts';
import type { TableFilter } from '../config/table-filter.ts';
import { allTables, type ExistingTable, publishedTables } from '../source/catalogue.ts';
import { parseLsn } from '../source/lsn-text.ts';
import { takenOut } from '../source/publication.ts';

const EVERY_MS = 1_000;
/** The tables are checked once in this many rounds. */
const TABLES_EVERY_ROUNDS = 5;

export interface SourceWatchOptions {
  readonly sql: Client;
  readonly publication: string;
  /** Tables that were captured at the start of the session. */
  readonly tables: readonly ExistingTable[];
  readonly captured: TableFilter;
  /** Called with the end of the source's flushed WAL. */
  readonly onWalEnd: (lsn: Lsn) => void;
}

/** Runs until the signal aborts. @throws if the session must end: see {@link checkTables}. */
export async function watchSource(options: SourceWatchOptions, signal: AbortSignal): Promise<void> {
  for (let round = 1; ; round++) {
    await sleep(EVERY_MS, signal);
    if (signal.aborted) return;
    if (round % TABLES_EVERY_ROUNDS === 0) await checkTables(options);
    const { rows } = await options.sql.query<{ lsn: string }>(
      'SELECT pg_catalog.pg_current_wal_flush_lsn() AS lsn',
    );
    if (rows[0]) options.onWalEnd(parseLsn(rows[0].lsn));
  }
}

/**
 * A dropped table leaves its publication, and a new table of the same name is not in it: it would be missed silently.
 * @throws Error so that the next attempt adds and snapshots it, or stops, as `publication.autocreate.mode` says.
 * LabError CDC-1114 if the table was taken out by hand: the stream lacks what was written since.
 */
async function checkTables({ sql, publication, tables, captured }: SourceWatchOptions): Promise<void> {
  const existing = await allTables(sql, publication);
  const published = new Set((await publishedTables(sql, publication)).map((t) => `${t.schema}.${t.table}`));
  const missing = existing.filter(
    (t) => captured(t.schema, t.table) && !published.has(`${t.schema}.${t.table}`),
  );
  if (missing.length === 0) return;
  const names = missing.map((t) => `${t.schema}.${t.table}`).join(', ');
  if (missing.some(({ oid }) => tables.some((before) => before.oid === oid)))
    throw takenOut(publication, names);
  throw new Error(`Captured tables are not in the publication: ${names}.`);
}
