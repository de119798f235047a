import type { Lsn } from '../../pipeline/contract/lsn.ts';
import type { Deadline } from '../compare/deadline.ts';
import type { Boundary } from '../compare/ranges.ts';
import type { TablePair } from '../compare/table-pair.ts';
import type { Database } from '../connection/postgres.ts';
import { type CopyShape, reshaped } from '../observe/sink/copy-shape.ts';
import type { Table } from '../observe/source/catalogue.ts';
import type { DigestedComparison, Part } from './part.ts';

/** A table to compare, and its copy in the sink. */
export interface Copy {
  /** The id of the source's table. */
  readonly id: string;
  /** The id of the sink's table; null if the sink has no copy. */
  readonly copy: string | null;
  /** How the copy differs in shape: other column names, rows that are only marked as deleted. */
  readonly shape: CopyShape;
}

/** The copy as it is to be compared; undefined if there is none. */
export function copyOf({ copy, shape }: Copy, catalogue: ReadonlyMap<string, Table>): Table | undefined {
  const table = copy === null ? undefined : catalogue.get(copy);
  return table === undefined ? undefined : reshaped(table, shape);
}

/** Why a table, or every table, could not be compared exactly in this attempt. */
export class NotExact extends Error {
  /** The progress fence's answer, if the fence is the reason. */
  readonly fence: 'sync-in-progress' | 'no-evidence' | null;
  /** False if another attempt would fail in the same way. */
  readonly mayPass: boolean;

  constructor(message: string, own: { fence?: NotExact['fence']; mayPass?: boolean; cause?: unknown } = {}) {
    super(message, own.cause === undefined ? undefined : { cause: own.cause });
    this.name = 'NotExact';
    this.fence = own.fence ?? null;
    this.mayPass = own.mayPass ?? this.fence === null;
  }
}

/** A snapshot of each side, in which parts of tables are compared. */
export interface SnapshotPair extends AsyncDisposable {
  /** The source's snapshot contains everything before this position. */
  readonly fromLsn: Lsn;
  /** The sink's snapshot contains nothing after this position. */
  readonly toLsn: Lsn;
  /** When the snapshots must end. */
  readonly deadline: Deadline;
  /** Keys that were written between the two positions. */
  readonly touchedKeys: number;
  /** The table and its copy, as the snapshots show them. @throws if they cannot be compared. */
  pair(table: Copy): TablePair;
  /** Where a part that begins at `from` must end to have about that many rows; null if it may extend to the end. */
  boundaryAfter(pair: TablePair, from: Boundary | null, rows: number): Promise<Boundary | null>;
  /** @throws Overrun if the snapshots' time is over. */
  compare(pair: TablePair, part: Part): Promise<DigestedComparison>;
  /** Ends the snapshots. @returns the tables whose findings do not count, and why. */
  end(tables: readonly Copy[]): Promise<ReadonlyMap<string, NotExact>>;
}

/** Grace beyond the bound before a server ends the snapshot of a verifier that has fallen silent. */
const SILENCE_MS = 5_000;

/** Begins a snapshot that the server itself ends if the verifier no longer does. */
export async function beginBounded(database: Database, boundMs: number): Promise<void> {
  await database.query(`BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
    SET LOCAL idle_in_transaction_session_timeout = ${boundMs + SILENCE_MS}; SET LOCAL statement_timeout = ${boundMs}`);
}
