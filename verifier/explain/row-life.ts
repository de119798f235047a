import type { Operation } from '../../pipeline/contract/envelope.ts';

/** One write of the row in the writer's ledger. */
export interface LedgerCommit {
  readonly tx: number;
  /** 64 bits, with the epoch. */
  readonly xid: string;
  readonly op: 'c' | 'u' | 'd';
  readonly version: number;
  /** ISO 8601: when the intent was written, just before COMMIT was sent. */
  readonly at: string;
  /** `unknown`: neither the writer nor `pg_xact_status` can say. */
  readonly outcome: 'ok' | 'fail' | 'unknown';
}

/** One record of a topic about the row. */
export interface LifeRecord {
  readonly topic: string;
  readonly partition: number;
  readonly offset: bigint;
  /** Null for a tombstone. */
  readonly op: Operation | null;
  /** Header `cdc.position`; of an event without it (Debezium's) what stands for it; null where nothing does. */
  readonly position: string | null;
  /** The position is the record's own header. */
  readonly isPlaced: boolean;
  /** As PostgreSQL prints one; null for a tombstone. */
  readonly lsn: string | null;
  /** 32 bits, as the event has it. */
  readonly xid: number | null;
  /** ISO 8601: commit at the source, as the event has it. */
  readonly committedAt: string | null;
  /** ISO 8601: when the capture made the event; of a tombstone when Kafka got it. */
  readonly capturedAt: string;
  /** `source.snapshot`, where it is not `false`. */
  readonly snapshot: string | null;
  /** Value of the version column, where the event has it. */
  readonly version: number | null;
  /** The key that the row had before or has since: `__debezium.oldkey`, `__debezium.newkey`. */
  readonly oldKey: string | null;
  readonly newKey: string | null;
  /** The sink has set it aside in a dead-letter topic. */
  readonly deadLetter: boolean;
  /** `after`, or null; undefined unless values were asked for. */
  readonly values?: Readonly<Record<string, unknown>> | null;
}

/** A row as it stands on one side. */
export interface StandingRow {
  /** Null where the table has no version column. */
  readonly version: number | null;
  /** `_cdc_op`, `_cdc_lsn`, …: what the sink noted; empty at the source. */
  readonly metadata: Readonly<Record<string, string | null>>;
  readonly values?: Readonly<Record<string, unknown>>;
}

export interface SinkState {
  /** Several where the table has no primary key and a pipeline wrote twice. */
  readonly rows: readonly StandingRow[];
  /** `_cdc_tombstones`; null where the key has none, or the sink keeps none. */
  readonly tombstone: { readonly position: string; readonly at: string } | null;
  /** `_cdc_truncates` of the table. */
  readonly truncate: { readonly position: string; readonly at: string } | null;
  /** The table has `_cdc_position`. */
  readonly keepsPositions: boolean;
}

/** Time during which a fault was in effect. */
export interface FaultInterval {
  readonly fault: string;
  readonly runId: string;
  /** Id of the scenario; null where the journal names none. */
  readonly scenario: string | null;
  /** ISO 8601: injection began. */
  readonly begunAt: string;
  /** It was shown to have taken effect; null where it was not. */
  readonly provenAt: string | null;
  /** Null where it was not healed: it may still be there. */
  readonly healedAt: string | null;
}

/** Whether the pipeline has carried all that was committed before the look. */
export interface LifeFence {
  readonly passed: boolean;
  /** What was waited for, or could not be seen; empty where it passed. */
  readonly waitingFor: string;
}

/** All that can be seen of one row. */
export interface RowLife {
  /** `schema.table` of the source. */
  readonly table: string;
  readonly key: Readonly<Record<string, string>>;
  /** ISO 8601. */
  readonly at: string;
  /** Null without a ledger. Oldest first. */
  readonly commits: readonly LedgerCommit[] | null;
  /** The row at the source; null where there is none; undefined where the source could not be read. */
  readonly source: StandingRow | null | undefined;
  /** The same, read after the sink. Only the version may differ from `source`, and only be higher. */
  readonly sourceAfter: StandingRow | null | undefined;
  /** The row came, went or changed each time it was looked at, so that the two sides cannot be held together. */
  readonly isMoving: boolean;
  /** Null where Kafka was not read. In offset order; by partition where there are several. */
  readonly records: readonly LifeRecord[] | null;
  /** TRUNCATEs of the table in the topic: the last ones. */
  readonly truncates: readonly LifeRecord[];
  /** Undefined where the sink could not be read. */
  readonly sink: SinkState | undefined;
  /**
   * Columns of the source whose values the sink's row does not have; none where a side has no row, or several. Of
   * `sourceAfter` where the sink has that version, else of `source`.
   */
  readonly differing: readonly string[];
  /** Next offset that the sink has to do, by `topic/partition`. */
  readonly sinkOffsets: ReadonlyMap<string, bigint>;
  readonly fence: LifeFence;
  /** All of the topic was read, from its first record; else why not. */
  readonly topicGap: string;
  readonly faults: readonly FaultInterval[];
  /** Older entries that `max` left out. */
  readonly leftOut: { readonly commits: number; readonly records: number };
  /** What could not be seen, as sentences. */
  readonly unseen: readonly string[];
}

/** `2@1234`: partition and offset. */
export function placeOf(record: Pick<LifeRecord, 'partition' | 'offset'>): string {
  return `${record.partition}@${record.offset}`;
}

/** The source was read before and after the sink: whether the sink's row is to be held against what was read second. */
export function isOfSecondReading(
  sink: StandingRow | undefined,
  after: StandingRow | null | undefined,
): boolean {
  const held = sink?.version ?? null;
  return held !== null && held === after?.version;
}
