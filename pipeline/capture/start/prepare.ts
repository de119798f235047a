/**
 * `pipeline/capture/start`: decides where the stream may start, once both connections are open.
 * In: the configuration, the stored position, and what the server says about itself, the slot and the tables.
 * Out: the position to start at, the snapshots to take, and a slot and publication that exist.
 * Promises: it starts only where no change is missing between the stored position and the slot; otherwise it stops with
 * an error that names the gap (CDC-1101 to CDC-1108), or takes a new snapshot under `snapshot.mode=when_needed`.
 */

import type { Client } from 'pg';
import type { Logger } from '../../contract/connector.ts';
import { LabError } from '../../contract/errors.ts';
import type { TableDescription } from '../../contract/table.ts';
import type { SourceConfig } from '../config/source-config.ts';
import { createTableFilter, inSnapshotOrder, type TableFilter } from '../config/table-filter.ts';
import type { SnapshotJob, SourceOffset } from '../position/source-offset.ts';
import { addedTablesJob, INITIAL_SNAPSHOT, isFirstSnapshot, newJob } from '../snapshot/snapshot-job.ts';
import { allTables, type ExistingTable, publishedTables } from '../source/catalogue.ts';
import { formatLsn, ZERO_LSN } from '../source/lsn-text.ts';
import { ensurePublication, publicationState } from '../source/publication.ts';
import {
  type CreatedSlot,
  createSlot,
  dropSlot,
  identifySystem,
  readSlot,
  requireLogicalWal,
  type SlotState,
  type SystemIdentity,
  timelineHistory,
} from '../source/slot.ts';
import type { TableName } from '../source/sql.ts';
import { judgeContinuity } from './continuity.ts';
import { warnOfEntries } from './list-entries.ts';
import { warnOfRefusedWrites } from './refused-writes.ts';
import { warnOfSharedTopics } from './shared-topics.ts';
import { tellBlockers } from './slot-blockers.ts';
import { checkTables } from './table-checks.ts';
import { checkVisibility } from './visibility.ts';

/** What a session starts with. */
export interface Prepared {
  readonly system: SystemIdentity;
  /** The captured tables, without the signalling table. */
  readonly tables: readonly ExistingTable[];
  readonly captured: TableFilter;
  readonly offset: SourceOffset;
  /** The snapshot of a slot that was just created; valid until the next command on its connection. */
  readonly created: CreatedSlot | undefined;
}

export interface PrepareOptions {
  readonly config: SourceConfig;
  readonly sql: Client;
  readonly replication: Client;
  readonly stored: SourceOffset | null;
  readonly store: (offset: SourceOffset) => Promise<void>;
  /** `snapshot.mode=always`, and the task has not taken its snapshot yet. */
  readonly snapshotAgain: boolean;
  /** @throws if a column's type is not supported, naming the column. */
  readonly describe: (table: TableDescription) => void;
  readonly topicOf: (schema: string, table: string) => string;
  /** Called with what the creation of the slot waits for; undefined: nothing any more. */
  readonly onBlocked: (by: string | undefined) => void;
  readonly log: Logger;
}

/**
 * Checks server, slot, publication and tables against the stored position, creates what is missing, and returns where
 * to start.
 * @throws LabError if resuming would leave a gap, or a table cannot be captured correctly.
 */
export async function prepare(options: PrepareOptions): Promise<Prepared> {
  const { config, sql, replication, log } = options;
  await requireLogicalWal(sql);
  const system = await identifySystem(replication);
  await warnOfEncoding(sql, log);
  const filter = createTableFilter(config.tables);
  const isSignal = (t: TableName) => `${t.schema}.${t.table}` === config.signalTable;
  const captured: TableFilter = (schema, table) => filter(schema, table) && !isSignal({ schema, table });
  const all = await allTables(sql, config.publication.name);
  const tables = all.filter((t) => captured(t.schema, t.table));
  const signalTable = all.filter(isSignal);
  if (config.signalTable !== undefined && signalTable.length === 0) {
    log.warn('The signalling table does not exist, so no signal can order a snapshot.', {
      table: config.signalTable,
    });
  }
  const published = await publishedTables(sql, config.publication.name);
  await warnOfEntries(sql, config.tables, tables, log);
  warnOfSharedTopics(tables, options.topicOf, log);
  await checkVisibility(sql, tables, { mode: config.snapshot.mode, log });
  await checkTables(sql, tables, {
    ...{ published, log, publication: await publicationState(sql, config.publication.name) },
    ...{ describe: options.describe, modes: config.encoder },
  });
  const slot = await readSlot(sql, config.slot.name);
  const history = await timelineHistory(replication, system.timeline);
  const { stored, slotGone } = await continuity(options, slot, system, history);
  const start = { system, tables, captured };
  let resumed = stored === null ? null : resume(options, stored, { ...start, slot });
  await ensurePublication(sql, config, [...tables, ...signalTable], log, async (missing) => {
    if (resumed === null) return;
    const added = missing.filter((table) => !isSignal(table));
    resumed = withAddedTables(resumed, added, config.snapshot.sweep);
    await options.store(resumed);
  });
  await warnOfRefusedWrites(sql, config.publication.name, tables, log);
  if (resumed !== null) return { ...start, created: undefined, offset: resumed };
  const beginning = await begin(options, slotGone ? undefined : slot, start);
  return { ...start, ...beginning };
}

async function warnOfEncoding(sql: Client, log: Logger): Promise<void> {
  const { rows } = await sql.query<{ server_encoding: string }>('SHOW server_encoding');
  if (rows[0]?.server_encoding !== 'SQL_ASCII') return;
  log.warn(
    'The database has the encoding SQL_ASCII: a text in it that is not UTF-8 will stop the task (CDC-1035).',
    {
      remedy: 'Correct such texts beforehand, or move the data to a database with the encoding UTF8.',
    },
  );
}

/** Throws on a gap, or starts over under `when_needed`. */
async function continuity(
  options: PrepareOptions,
  slot: SlotState | undefined,
  system: SystemIdentity,
  history: string,
): Promise<{ stored: SourceOffset | null; slotGone: boolean }> {
  const { config, sql, stored, log } = options;
  // Nothing is streamed under initial_only, so no slot is needed.
  if (config.snapshot.mode === 'initial_only') return { stored, slotGone: false };
  const problem = judgeContinuity({
    slotName: config.slot.name,
    database: config.database.name,
    slot,
    system,
    history,
    stored,
  });
  if (problem === undefined) return { stored, slotGone: false };
  const curable = ['CDC-1103', 'CDC-1104', 'CDC-1105', 'CDC-1106', 'CDC-1107', 'CDC-1108'].includes(
    problem.code,
  );
  if (config.snapshot.mode !== 'when_needed' || !curable) throw problem;
  log.warn(`${problem.message} A new snapshot is taken, as snapshot.mode=when_needed says.`, {
    remedy: config.snapshot.sweep
      ? 'When it is complete, the sink deletes the rows that it did not see.'
      : 'Rows that were deleted in the meantime stay in the sink, unless snapshot.sweep=true.',
  });
  if (slot !== undefined) await dropSlot(sql, slot.name);
  return { stored: null, slotGone: true };
}

/** Resumes at a stored position; snapshots may still be due before or beside the stream. */
function resume(
  { config, snapshotAgain, log }: PrepareOptions,
  stored: SourceOffset,
  start: {
    readonly system: SystemIdentity;
    readonly tables: readonly TableName[];
    readonly slot: SlotState | undefined;
  },
): SourceOffset {
  const snapshots = [...stored.snapshots];
  let { snapshotCompleted } = stored;
  if (snapshotAgain && !snapshots.some((job) => job.id === INITIAL_SNAPSHOT)) {
    snapshots.push(initialJob(config, start.tables));
    snapshotCompleted = false;
  }
  log.info('Resuming at the stored position.', { lsn: formatLsn(stored.flushLsn), slot: config.slot.name });
  const confirmed = start.slot?.confirmedFlushLsn ?? null;
  if (confirmed !== null && confirmed < stored.flushLsn)
    log.info('The stored position is ahead of the slot: the stream starts at the stored one.', {
      lsn: formatLsn(stored.flushLsn),
      confirmed: formatLsn(confirmed),
      slot: config.slot.name,
    });
  const ahead = Object.entries(stored.readWhole).filter(([, lsn]) => lsn > stored.flushLsn);
  return {
    ...stored,
    snapshots,
    snapshotCompleted,
    readWhole: Object.fromEntries(ahead),
    timeline: start.system.timeline,
    systemIdentifier: start.system.systemIdentifier,
    slot: config.slot.name,
  };
}

/** Orders the first snapshot of tables that are being added to the publication, unless it is ordered already. */
function withAddedTables(offset: SourceOffset, added: readonly TableName[], sweep: boolean): SourceOffset {
  const ordered = offset.snapshots.filter(isFirstSnapshot).flatMap(({ tables }) => tables);
  // One that has begun may have read rows while the table was in the publication before.
  const unbegun = ordered.filter(({ done, lastKey }) => !done && lastKey === null);
  const isOrdered = ({ schema, table }: TableName) =>
    unbegun.some((known) => known.schema === schema && known.table === table);
  const unread = added.filter((table) => !isOrdered(table));
  if (unread.length === 0) return offset;
  return { ...offset, snapshots: [...offset.snapshots, addedTablesJob(unread, sweep)] };
}

/** Nothing is stored: creates the slot if there is none, and plans the first snapshot. */
async function begin(
  options: PrepareOptions,
  slot: SlotState | undefined,
  start: { readonly system: SystemIdentity; readonly tables: readonly TableName[] },
): Promise<{ offset: SourceOffset; created: CreatedSlot | undefined }> {
  const { config, log } = options;
  const { mode } = config.snapshot;
  const snapshots = mode === 'no_data' ? [] : [initialJob(config, start.tables)];
  const offset: SourceOffset = {
    flushLsn: slot?.confirmedFlushLsn ?? ZERO_LSN,
    lastCommitLsn: null,
    xid: null,
    commitTimeUs: null,
    timeline: start.system.timeline,
    systemIdentifier: start.system.systemIdentifier,
    slot: config.slot.name,
    snapshotCompleted: snapshots.length === 0,
    snapshots,
    readWhole: {},
  };
  if (mode === 'initial_only')
    return { offset: { ...offset, flushLsn: start.system.walEnd }, created: undefined };
  if (slot !== undefined) {
    log.warn('The slot exists, but no position is stored: the stream starts at the position of the slot.', {
      slot: slot.name,
      lsn: formatLsn(offset.flushLsn),
    });
    return { offset, created: undefined };
  }
  const created = await create(options);
  log.info('Replication slot created.', { slot: config.slot.name, lsn: formatLsn(created.consistentPoint) });
  return { offset: { ...offset, flushLsn: created.consistentPoint }, created };
}

async function create({ config, sql, replication, onBlocked, log }: PrepareOptions): Promise<CreatedSlot> {
  const over = new AbortController();
  let blockedBy: string | undefined;
  const tell = (by: string | undefined): void => {
    if (by !== undefined && blockedBy === undefined)
      log.warn(`The creation of slot "${config.slot.name}" waits for ${by}.`, {
        remedy: 'End that transaction: no slot can begin before it is over.',
      });
    blockedBy = by;
    onBlocked(by);
  };
  const telling = tellBlockers(sql, serverProcessOf(replication), tell, over.signal);
  // The slot is created without it, too. If the connection is lost, the next statement on it says so.
  telling.catch((error: unknown) =>
    log.warn('What blocks the slot cannot be seen.', { error: String(error) }),
  );
  try {
    return await createSlot(replication, config.slot.name, {
      temporary: false,
      failover: config.slot.failover,
    });
  } catch (error) {
    if ((error as { code?: unknown }).code !== '53400') throw error;
    throw new LabError('CDC-1109', 'The source has no free replication slot.', {
      cause: error,
      remedy:
        'Drop unused slots (see pg_replication_slots), or raise max_replication_slots and restart the source.',
    });
  } finally {
    over.abort();
    await telling.catch(() => {});
    onBlocked(undefined);
  }
}

/** As the server names it in `pg_stat_activity`. */
function serverProcessOf(client: Client): number {
  const { processID } = client as Client & { readonly processID?: number | null };
  return processID ?? 0;
}

function initialJob(config: SourceConfig, tables: readonly TableName[]): SnapshotJob {
  const { include, sweep } = config.snapshot;
  const wanted = tables.filter(
    (t) => include?.some((expression) => expression.test(`${t.schema}.${t.table}`)) ?? true,
  );
  return newJob(INITIAL_SNAPSHOT, 'initial', inSnapshotOrder(wanted, config.tables), sweep);
}
