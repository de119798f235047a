import { LabError } from '../../../pipeline/contract/errors.ts';
import { didYouMean } from '../../../pipeline/contract/nearest.ts';
import { UsageError } from '../../errors.ts';
import type { RecoveryContext } from '../../plugins/recovery.ts';

/** A replication slot of the source's server. */
export interface Slot {
  readonly name: string;
  readonly type: 'logical' | 'physical';
  readonly database: string | null;
  readonly isActive: boolean;
  /** PID of the server process that reads it. */
  readonly activePid: number | null;
  /** LSN that its reader has confirmed. */
  readonly confirmed: string | null;
  /** `reserved`, `extended`, `unreserved` or `lost`. */
  readonly walStatus: string | null;
  /** WAL that the server keeps for it. */
  readonly retainedBytes: number | null;
  readonly isHere: boolean;
}

/** All slots of the source's server, by name. */
export async function slotsOf({ access }: Pick<RecoveryContext, 'access'>): Promise<Slot[]> {
  const rows = await access.query(
    'source',
    `SELECT slot_name, slot_type, database, active, active_pid, confirmed_flush_lsn::text AS confirmed, wal_status,
            pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)::int8 AS retained,
            database IS NOT DISTINCT FROM current_database() AS here
       FROM pg_replication_slots WHERE NOT temporary ORDER BY 1`,
  );
  return rows.map((row) => ({
    name: String(row.slot_name),
    type: row.slot_type === 'physical' ? 'physical' : 'logical',
    database: row.database === null ? null : String(row.database),
    isActive: row.active === true,
    activePid: row.active_pid === null ? null : Number(row.active_pid),
    confirmed: row.confirmed === null ? null : String(row.confirmed),
    walStatus: row.wal_status === null ? null : String(row.wal_status),
    retainedBytes: row.retained === null ? null : Number(row.retained),
    isHere: row.here === true,
  }));
}

/** The slot of that name; undefined if it is the pipeline's own and gone. */
export async function slotNamed(context: RecoveryContext, name: string): Promise<Slot | undefined> {
  const slots = await slotsOf(context);
  const found = slots.find((slot) => slot.name === name);
  if (found !== undefined || name === context.instance.slot) return found;
  const known = slots.map((slot) => slot.name);
  throw new UsageError(
    `there is no replication slot "${name}".${didYouMean(name, known)}`,
    `known: ${known.join(', ') || 'none'}`,
  );
}

/** @throws UsageError for a slot that a standby or another database owns: dropping it here would break that. */
export function mustBelongHere(slot: Slot): void {
  if (slot.type === 'logical' && slot.isHere) return;
  const owner = slot.type === 'physical' ? 'a standby server' : `the database ${slot.database}`;
  throw new UsageError(
    `The slot ${slot.name} belongs to ${owner}, and is not dropped from here.`,
    'drop it there',
  );
}

/** @throws UsageError for a slot that is in use, or that a standby or another database owns. */
export function mustBeDroppable(slot: Slot, context: Pick<RecoveryContext, 'instance'>): void {
  mustBelongHere(slot);
  if (!slot.isActive) return;
  const isOwn = slot.name === context.instance.slot;
  throw new UsageError(
    `The slot ${slot.name} is in use by server process ${slot.activePid}, and is not dropped.`,
    isOwn ? 'stop its reader first: cdc-lab connectors stop capture' : 'stop its reader first',
  );
}

/** The statement that drops it. */
export const dropSql = (name: string): string => `SELECT pg_drop_replication_slot('${name}')`;

/**
 * Drops the slot. Idempotent.
 * @returns what there was of it.
 * @throws LabError CDC-5502 if it is there afterwards.
 */
export async function dropSlot(context: RecoveryContext, name: string): Promise<Record<string, unknown>> {
  const before = (await slotsOf(context)).find((slot) => slot.name === name);
  await context.access.query(
    'source',
    'SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = $1',
    [name],
  );
  if ((await slotsOf(context)).some((slot) => slot.name === name)) {
    throw new LabError('CDC-5502', `the slot ${name} is there again: somebody has created it meanwhile`, {
      remedy: 'cdc-lab slot list says who uses it',
    });
  }
  return {
    slot: name,
    confirmed: before?.confirmed ?? null,
    released: before?.retainedBytes ?? 0,
    isGone: true,
  };
}
