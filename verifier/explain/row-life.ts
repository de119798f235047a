import type { Operation } from '../../pipeline/contract/envelope.ts';
import type { Hop } from '../report.ts';

/** A write of the row in the writer's ledger. */
export interface LedgerCommit {
  readonly tx: number;
  /** Transaction id of 64 bits, with the epoch. */
  readonly xid: string;
  readonly op: 'c' | 'u' | 'd';
  readonly version: number;
  /** ISO 8601: when the intent was written, just before COMMIT was sent. */
  readonly at: string;
  /** `unknown`: neither the writer nor `pg_xact_status` knows. */
  readonly outcome: 'ok' | 'fail' | 'unknown';
}

/** A record of the row in a topic. */
export interface LifeRecord {
  readonly topic: string;
  readonly partition: number;
  readonly offset: bigint;
  /** Null for a tombstone. */
  readonly op: Operation | null;
  /** Header `cdc.position`. An event without it (Debezium's) has a substitute made of LSN and operation; else null. */
  readonly position: string | null;
  /** The position is from the record's header, not a substitute. */
  readonly isPlaced: boolean;
  /** As PostgreSQL prints one; null for a tombstone. */
  readonly lsn: string | null;
  /** 32 bits, as the event has it. */
  readonly xid: number | null;
  /** ISO 8601: commit at the source, as the event has it. */
  readonly committedAt: string | null;
  /** ISO 8601: when the capture made the event; for a tombstone, when Kafka stored it. */
  readonly capturedAt: string;
  /** `source.snapshot`; null if it is `false`. */
  readonly snapshot: string | null;
  /** Value of the version column; null if the event has none. */
  readonly version: number | null;
  /** The row's key before and after a change of the key: headers `__debezium.oldkey` and `__debezium.newkey`. */
  readonly oldKey: string | null;
  readonly newKey: string | null;
  /** The sink has put it into a dead-letter topic. */
  readonly deadLetter: boolean;
  /** `after`, or null; undefined unless values were requested. */
  readonly values?: Readonly<Record<string, unknown>> | null;
}

/** A row as one side has it. */
export interface StoredRow {
  /** Null if the table has no version column. */
  readonly version: number | null;
  /** The sink's metadata columns, `_cdc_op`, `_cdc_lsn`, …; empty at the source. */
  readonly metadata: Readonly<Record<string, string | null>>;
  readonly values?: Readonly<Record<string, unknown>>;
}

export interface SinkState {
  /** There may be several if the table has no primary key. */
  readonly rows: readonly StoredRow[];
  /** The key's entry in `_cdc_tombstones`; null if there is none. */
  readonly tombstone: { readonly position: string; readonly at: string } | null;
  /** The table's entry in `_cdc_truncates`; null if there is none. */
  readonly truncate: { readonly position: string; readonly at: string } | null;
  /** The table has `_cdc_position`. */
  readonly keepsPositions: boolean;
  /** Records of the table that the sink says it has suppressed, by `topic/partition`; undefined where it does not say. */
  readonly suppressed?: ReadonlyMap<string, number>;
}

/** The time during which a fault was in effect. */
export interface FaultInterval {
  readonly fault: string;
  readonly runId: string;
  /** Id of the scenario; null if the journal names none. */
  readonly scenario: string | null;
  /** ISO 8601: injection began. */
  readonly begunAt: string;
  /** ISO 8601: when the fault was shown to take effect; null if it was not. */
  readonly provenAt: string | null;
  /** ISO 8601; null if it was not healed and may still be in effect. */
  readonly healedAt: string | null;
}

/** Whether the pipeline has carried everything that was committed before the row was read. */
export interface LifeFence {
  readonly passed: boolean;
  /** What it was still waiting for, or why that is unknown; empty if it passed. */
  readonly waitingFor: string;
  /** A connector has failed: what is absent does not arrive before it is restarted. */
  readonly hasFailed?: boolean;
}

/** Everything that can be seen of one row. */
export interface RowLife {
  /** The id of the source's table. */
  readonly table: string;
  readonly key: Readonly<Record<string, string>>;
  /** ISO 8601: when it was read. */
  readonly at: string;
  /** Oldest first; null without a ledger. */
  readonly commits: readonly LedgerCommit[] | null;
  /** The row at the source; null if there is none; undefined if the source could not be read. */
  readonly source: StoredRow | null | undefined;
  /** The same, read after the sink. It is `source` or, with a version column, a higher version; see `isMoving`. */
  readonly sourceAfter: StoredRow | null | undefined;
  /** The row appeared, disappeared or changed each time it was read, so that the two sides cannot be compared. */
  readonly isMoving: boolean;
  /** In the order of offsets, partition by partition; null if Kafka was not read. */
  readonly records: readonly LifeRecord[] | null;
  /** The last TRUNCATEs of the table in the topic. */
  readonly truncates: readonly LifeRecord[];
  /** Undefined if the sink could not be read. */
  readonly sink: SinkState | undefined;
  /**
   * Columns whose values differ between source and sink; empty if a side has no row, or several. The sink is compared
   * with `sourceAfter` if it has that version, otherwise with `source`.
   */
  readonly differing: readonly string[];
  /** Those of them that the sink's table does not have. */
  readonly lacking?: readonly string[];
  /** Those of them that no record of the topic has: the capture, or a transform, dropped them. */
  readonly unsent?: readonly string[];
  /** Those of them in which the sink shows the placeholder for a value that the capture did not send. */
  readonly placeholders?: readonly string[];
  /** The hop that made them differ, as a verification names it; `unknown` if the topic does not tell. */
  readonly differingHop: Hop;
  /** The next offset that the sink will process, by `topic/partition`. */
  readonly sinkOffsets: ReadonlyMap<string, bigint>;
  readonly fence: LifeFence;
  /** Why the topic was not read from its first record to its end; empty if it was. */
  readonly topicGap: string;
  readonly faults: readonly FaultInterval[];
  /** Older entries that `max` left out. */
  readonly leftOut: { readonly commits: number; readonly records: number };
  /** What could not be seen, one sentence each. */
  readonly unseen: readonly string[];
}

/** `2@1234`: partition and offset. */
export function placeOf(record: Pick<LifeRecord, 'partition' | 'offset'>): string {
  return `${record.partition}@${record.offset}`;
}

/** The source was read before and after the sink: whether the sink's row must be compared with the second reading. */
export function isOfSecondReading(sink: StoredRow | undefined, after: StoredRow | null | undefined): boolean {
  const held = sink?.version ?? null;
  return held !== null && held === after?.version;
}
