import type { ClientBase, QueryResult } from 'pg';
import { TOMBSTONES_TABLE, TRUNCATES_TABLE } from '../../contract/sink-tables.ts';
import type { TableChanges } from '../bind/binder.ts';
import type { Change } from '../bind/change.ts';
import type { SinkConfig } from '../config/sink-config.ts';
import { RecordError } from '../decode/record-error.ts';
import type { Batch } from './batch.ts';
import type { WriteCounts } from './counts.ts';
import { dropSeen } from './dedup.ts';
import { lockTable } from './lock-table.ts';
import { type Folded, planStatements, type Step } from './plan-statements.ts';
import type { PreparedStatements } from './prepared-statements.ts';
import { keyParameters, rowParameters, tombstoneParameters } from './row-parameters.ts';
import { deleteSql, partialSql, plainDeleteSql, positionsSql, upsertSql } from './statements.ts';

export interface WriteOptions extends Pick<SinkConfig, 'insertMode' | 'dedup' | 'reduce'> {
  readonly connector: string;
  /** True if the transaction goes on to sweep the table: it must not take the stronger lock after the weaker one. */
  readonly sweeps: boolean;
}

/** What the sink remembers of a table beside its rows. */
interface Marks {
  /** Position of the table's last TRUNCATE; empty if there was none. */
  readonly watermark: string;
  readonly hasTombstones: boolean;
}

/** Writes the changes of a batch to one table, inside the caller's transaction. */
export class TableWriter {
  readonly #client: ClientBase;
  readonly #statements: PreparedStatements;
  readonly #group: TableChanges;
  readonly #options: WriteOptions;
  readonly #receivedAt: string;
  /** True if an older position must not overwrite a newer one. */
  readonly #guard: boolean;
  #marks: Marks = { watermark: '', hasTombstones: false };
  #applied = 0;
  #suppressed = 0;

  constructor(
    client: ClientBase,
    statements: PreparedStatements,
    group: TableChanges,
    options: WriteOptions,
  ) {
    this.#client = client;
    this.#statements = statements;
    this.#group = group;
    this.#options = options;
    this.#receivedAt = new Date().toISOString();
    this.#guard = options.insertMode === 'upsert' && options.dedup !== 'none';
  }

  /** @throws RecordError if a row is missing that an update needs; the server's error if a value does not fit. */
  async write(batch: Batch): Promise<WriteCounts> {
    let { changes }: { changes: readonly Change[] } = this.#group;
    if (this.#options.dedup === 'table') {
      changes = await dropSeen(this.#client, this.#options.connector, batch, this.#group);
      this.#suppressed += this.#group.changes.length - changes.length;
    }
    const plan = planStatements(changes, {
      guard: this.#guard,
      byKey: this.#options.insertMode === 'upsert',
      reduce: this.#options.reduce,
    });
    this.#suppressed += plan.suppressed;
    if (this.#guard)
      await this.#readMarks(this.#options.sweeps || plan.steps.some((step) => step.tag === 'truncate'));
    for (const step of plan.steps) {
      if (step.tag === 'truncate') await this.#truncate(step.change);
      else await this.#writeRows(step);
    }
    return { applied: this.#applied, suppressed: this.#suppressed };
  }

  get #name(): string {
    return this.#group.table.name.qualified;
  }

  #run(id: string, text: () => string, values: unknown[]): Promise<QueryResult> {
    return this.#statements.run(this.#client, this.#group.table, { id, text, values });
  }

  /** Reads the marks under a lock, so that a TRUNCATE and rows of another partition see each other. */
  async #readMarks(alone: boolean): Promise<void> {
    await lockTable(this.#client, this.#name, alone);
    const { rows } = await this.#client.query({
      name: 'cdc_marks',
      text: `SELECT coalesce((SELECT position FROM ${TRUNCATES_TABLE} WHERE table_name = $1), '') AS watermark,
                    EXISTS (SELECT FROM ${TOMBSTONES_TABLE} WHERE table_name = $1) AS has_tombstones`,
      values: [this.#name],
    });
    const row = (rows as { watermark: string; has_tombstones: boolean }[])[0];
    this.#marks = { watermark: row?.watermark ?? '', hasTombstones: row?.has_tombstones ?? true };
  }

  async #writeRows(step: Extract<Step, { tag: 'rows' }>): Promise<void> {
    if (step.deletes.length > 0) await this.#delete(step.deletes);
    for (const [shape, rows] of byShape(step.upserts)) await this.#upsert(shape, rows);
    for (const [shape, rows] of byShape(step.partials)) await this.#update(shape, rows);
  }

  async #upsert(shape: string, rows: readonly Folded[]): Promise<void> {
    const { table } = this.#group;
    const keys = this.#options.insertMode === 'upsert' ? this.#group.keys : [];
    const checkTombstones = this.#guard && this.#marks.hasTombstones;
    const options = { keys, guard: this.#guard, checkTombstones };
    const id = `upsert ${shape} ${options.guard} ${checkTombstones}`;
    await this.#count(rows, async () => {
      const parameters = this.#rowParameters(shape, rows);
      if (checkTombstones) parameters.push(...tombstoneParameters(table, rows));
      const { rowCount } = await this.#run(id, () => upsertSql(table, shape, options), parameters);
      return rowCount ?? 0;
    });
  }

  async #update(shape: string, rows: readonly Folded[]): Promise<void> {
    const { table, keys } = this.#group;
    const id = `partial ${shape} ${this.#guard}`;
    await this.#count(rows, async () => {
      const sql = (): string => partialSql(table, shape, keys, this.#guard);
      const { rowCount } = await this.#run(id, sql, this.#rowParameters(shape, rows));
      if ((rowCount ?? 0) < rows.length) await this.#requireRows(rows);
      return rowCount ?? 0;
    });
  }

  #rowParameters(shape: string, rows: readonly Folded[]): unknown[] {
    const { watermark } = this.#marks;
    return rowParameters(this.#group.table, shape, rows, { receivedAt: this.#receivedAt, watermark });
  }

  /** An update that leaves out an unchanged TOAST value needs the row that has the value. */
  async #requireRows(rows: readonly Folded[]): Promise<void> {
    const known = await this.#storedPositions(rows);
    for (const { change } of rows) {
      const position = change.position ?? '';
      if (known.has(change.key) || (this.#guard && position <= this.#marks.watermark)) continue;
      throw new RecordError(
        `${this.#name} has no row ${change.key}, and the update leaves out an unchanged TOAST value of it: ` +
          'take a new snapshot of the table, or set REPLICA IDENTITY FULL at the source',
      );
    }
  }

  async #delete(rows: readonly Folded[]): Promise<void> {
    const { table, keys } = this.#group;
    const placed = this.#guard ? rows.filter(({ change }) => change.position !== null) : [];
    const unplaced = this.#guard ? rows.filter(({ change }) => change.position === null) : rows;
    if (unplaced.length > 0) {
      const values = keyParameters(table, keys, unplaced);
      await this.#run('plain delete', () => plainDeleteSql(table, keys), values);
      for (const row of unplaced) this.#applied += row.positions.length;
    }
    if (placed.length === 0) return;
    this.#marks = { ...this.#marks, hasTombstones: true };
    const tombstonesOnly = placed.filter((row) => row.positions.length === 0);
    await this.#count(placed, async () => {
      const values = keyParameters(table, keys, placed);
      const result = await this.#run('delete', () => deleteSql(table, keys), values);
      const marked = new Set((result.rows as { key: string }[]).map((row) => row.key));
      // A tombstone by itself is not an event: it counts as neither applied nor suppressed.
      return marked.size - tombstonesOnly.filter((row) => marked.has(row.change.key)).length;
    });
  }

  async #truncate(change: Change): Promise<void> {
    const { table } = this.#group;
    if (!this.#guard || change.position === null) {
      await this.#client.query(`DELETE FROM ${table.rows}`);
      this.#applied++;
      return;
    }
    const marked = await this.#client.query(
      `INSERT INTO ${TRUNCATES_TABLE} AS t (table_name, position) VALUES ($1, $2) ON CONFLICT (table_name)
       DO UPDATE SET position = EXCLUDED.position, truncated_at = now() WHERE t.position < EXCLUDED.position`,
      [this.#name, change.position],
    );
    if (marked.rowCount !== 1) {
      this.#suppressed++;
      return;
    }
    await this.#client.query(`DELETE FROM ${table.rows} WHERE _cdc_position < $1 COLLATE "C"`, [
      change.position,
    ]);
    this.#marks = { ...this.#marks, watermark: change.position };
    this.#applied++;
  }

  /**
   * Counts events, not rows: of the events folded into one row, those that the sink had already are duplicates. For a
   * row with one event the statement's row count says so; a row with several needs a look at the sink's position.
   */
  async #count(rows: readonly Folded[], write: () => Promise<number>): Promise<void> {
    const several = rows.filter((row) => row.positions.length > 1);
    const known = this.#guard && several.length > 0 ? await this.#storedPositions(several) : null;
    const written = await write();
    let writtenSeveral = 0;
    for (const { change, positions } of several) {
      const stored = known?.get(change.key) ?? '';
      const floor = stored > this.#marks.watermark ? stored : this.#marks.watermark;
      const news = this.#guard ? positions.filter((position) => position > floor).length : positions.length;
      this.#applied += news;
      this.#suppressed += positions.length - news;
      if (news > 0) writtenSeveral++;
    }
    const singles = rows.reduce((n, row) => n + (row.positions.length === 1 ? 1 : 0), 0);
    const appliedSingles = Math.max(0, Math.min(singles, written - writtenSeveral));
    this.#applied += appliedSingles;
    this.#suppressed += singles - appliedSingles;
  }

  /** Position of each key's row or tombstone; keys that the sink does not know are absent. */
  async #storedPositions(rows: readonly Folded[]): Promise<Map<string, string>> {
    const { table, keys } = this.#group;
    const values = keyParameters(table, keys, rows);
    const result = await this.#run('positions', () => positionsSql(table, keys), values);
    const known = new Map<string, string>();
    for (const row of result.rows as { key: string; position: string | null }[]) {
      if (row.position !== null) known.set(row.key, row.position);
    }
    return known;
  }
}

function byShape(rows: readonly Folded[]): Map<string, Folded[]> {
  const groups = new Map<string, Folded[]>();
  for (const row of rows) {
    const group = groups.get(row.change.shape);
    if (group === undefined) groups.set(row.change.shape, [row]);
    else group.push(row);
  }
  return groups;
}
