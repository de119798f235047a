import { z } from 'zod';
import { LabError } from '../../contract/errors.ts';
import type { Lsn } from '../../contract/lsn.ts';
import { mistakeIn } from '../../contract/mistake.ts';
import { formatLsn, parseLsn } from '../source/lsn-text.ts';

/** A table of a snapshot, and its progress. */
const tableProgress = z.object({
  schema: z.string(),
  table: z.string(),
  done: z.boolean(),
  /** Key of the last row that Kafka has acknowledged, as text; null before the first chunk. */
  lastKey: z.array(z.string()).nullable(),
  rows: z.number(),
  /** SQL condition on the rows to read; if left out, all rows are read. */
  filter: z.string().optional(),
  /** Of a snapshot that sweeps: position at which the first of the rows up to `lastKey` were read. */
  sweepBefore: z.string().optional(),
});
const snapshotJob = z.object({
  /** `initial`, or the id of the signal. */
  id: z.string(),
  kind: z.enum(['initial', 'incremental', 'blocking']),
  tables: z.array(tableProgress),
  /** Its end tells the sink to delete what it did not see. */
  sweep: z.boolean().optional(),
});
export type TableProgress = z.infer<typeof tableProgress>;
export type SnapshotJob = z.infer<typeof snapshotJob>;

const lsnNumber = z.number().int().nonnegative().optional();
const offsetShape = z.looseObject({
  lsn: lsnNumber,
  lsn_proc: lsnNumber,
  lsn_commit: lsnNumber.nullable(),
  txId: z.number().nullable().optional(),
  ts_usec: z.number().nullable().optional(),
  flush_lsn: z.string().optional(),
  timeline: z.number().int().positive().optional(),
  system_identifier: z.string().optional(),
  slot: z.string().optional(),
  snapshot_completed: z.boolean().optional(),
  snapshots: z.array(snapshotJob).optional(),
  read_whole: z.record(z.string(), z.string()).optional(),
});

/** The connector's position, as kept in the offsets topic. */
export interface SourceOffset {
  /** Everything that committed before it is in Kafka. The stream resumes here. */
  readonly flushLsn: Lsn;
  /** End of the last commit that was published. */
  readonly lastCommitLsn: Lsn | null;
  readonly xid: number | null;
  readonly commitTimeUs: bigint | null;
  /** Null if the offset was written by hand without it. */
  readonly timeline: number | null;
  readonly systemIdentifier: string | null;
  readonly slot: string | null;
  /** False until the first snapshot has read all rows. */
  readonly snapshotCompleted: boolean;
  /** Waiting and running snapshots, including the initial one. */
  readonly snapshots: readonly SnapshotJob[];
  /**
   * Tables (`schema.table`) that a snapshot reads completely although the stream starts before it, with the snapshot's
   * position. Before that position, an update without its unchanged TOAST value may concern a row that was never
   * published. The stream skips it: the snapshot has the row, or a delete follows.
   */
  readonly readWhole: Readonly<Record<string, Lsn>>;
}

/** The offset as JSON: Debezium's fields, followed by ours. */
export function formatOffset(offset: SourceOffset): Record<string, unknown> {
  return {
    lsn: Number(offset.flushLsn),
    lsn_proc: Number(offset.flushLsn),
    lsn_commit: offset.lastCommitLsn === null ? null : Number(offset.lastCommitLsn),
    txId: offset.xid,
    ts_usec: offset.commitTimeUs === null ? null : Number(offset.commitTimeUs),
    ...(offset.snapshotCompleted ? {} : { snapshot: 'INITIAL' }),
    snapshot_completed: offset.snapshotCompleted,
    flush_lsn: formatLsn(offset.flushLsn),
    timeline: offset.timeline ?? undefined,
    system_identifier: offset.systemIdentifier ?? undefined,
    slot: offset.slot ?? undefined,
    snapshots: offset.snapshots,
    read_whole: Object.fromEntries(
      Object.entries(offset.readWhole).map(([table, lsn]) => [table, formatLsn(lsn)]),
    ),
  };
}

/** @throws LabError CDC-1050 if the offset has no position or another shape. */
export function parseOffset(value: unknown): SourceOffset {
  const parsed = offsetShape.safeParse(value);
  const data = parsed.data;
  const number = data?.lsn_proc ?? data?.lsn;
  if (data === undefined || (data.flush_lsn === undefined && number === undefined)) {
    const given = { schema: offsetShape, value, whole: 'the offset' };
    const why = parsed.error ? mistakeIn(parsed.error, given) : 'it has no "lsn".';
    throw new LabError('CDC-1050', `The stored offset cannot be read: ${why}`, {
      remedy:
        'Stop the connector and correct the offset with PATCH /connectors/NAME/offsets, or remove it with DELETE.',
    });
  }
  return {
    flushLsn: data.flush_lsn === undefined ? (BigInt(number ?? 0) as Lsn) : parseLsn(data.flush_lsn),
    lastCommitLsn: data.lsn_commit == null ? null : (BigInt(data.lsn_commit) as Lsn),
    xid: data.txId ?? null,
    commitTimeUs: data.ts_usec == null ? null : BigInt(data.ts_usec),
    timeline: data.timeline ?? null,
    systemIdentifier: data.system_identifier ?? null,
    slot: data.slot ?? null,
    snapshotCompleted: data.snapshot_completed ?? true,
    snapshots: data.snapshots ?? [],
    readWhole: Object.fromEntries(
      Object.entries(data.read_whole ?? {}).map(([table, lsn]) => [table, parseLsn(lsn)]),
    ),
  };
}
