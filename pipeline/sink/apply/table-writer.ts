import { createHash } from 'node:crypto';
import type { ClientBase, QueryResult } from 'pg';
import { DEDUP_TABLE, TOMBSTONES_TABLE, TRUNCATES_TABLE } from '../../contract/sink-tables.ts';
import type { Change } from '../bind/bind.ts';
import type { TableChanges } from '../bind/binder.ts';
import type { SinkTable } from '../bind/tables.ts';
import { RecordError } from '../decode/record-error.ts';
import { arrayParameter, instantsParameter } from './array-parameter.ts';
import { type Folded, planBatch, type Step } from './plan.ts';
import { deleteSql, elementType, partialSql, plainDeleteSql, positionsSql, upsertSql } from './statements.ts';

export interface WriteOptions {
  readonly connector: string;
  readonly insertMode: 'upsert' | 'insert';
  readonly dedup: 'lsn' | 'table' | 'none';
}

export interface WriteCounts {
  readonly applied: number;
  readonly suppressed: number;
}

interface Statement {
  readonly name: string;
  readonly text: string;
}

type Rows = Extract<Step, { tag: 'rows' }>;
interface Marks {
  readonly watermark: string;
  readonly hasTombstones: boolean;
}

let statements = 0;
const cache = new WeakMap<SinkTable, Map<string, Statement>>();

/** One prepared statement per table and shape. */
function prepared(table: SinkTable, id: string, make: () => string): Statement {
  let ofTable = cache.get(table);
  if (ofTable === undefined) {
    ofTable = new Map();
    cache.set(table, ofTable);
  }
  let statement = ofTable.get(id);
  if (statement === undefined) {
    statement = { name: `cdc_${++statements}`, text: make() };
    ofTable.set(id, statement);
  }
  return statement;
}

function run(client: ClientBase, statement: Statement, values: unknown[]): Promise<QueryResult> {
  return client.query({ name: statement.name, text: statement.text, values });
}

/** Writes one table's part of a batch, inside the caller's transaction. */
export class TableWriter {
  readonly #client: ClientBase;
  readonly #group: TableChanges;
  readonly #options: WriteOptions;
  readonly #receivedAt: string;
  readonly #guard: boolean;
  #marks: Marks = { watermark: '', hasTombstones: false };
  #applied = 0;
  #suppressed = 0;

  constructor(client: ClientBase, group: TableChanges, options: WriteOptions) {
    this.#client = client;
    this.#group = group;
    this.#options = options;
    this.#receivedAt = new Date().toISOString();
    this.#guard = options.insertMode === 'upsert' && options.dedup !== 'none';
  }

  async write(partition: {
    topic: string;
    partition: number;
    offsets: readonly bigint[];
  }): Promise<WriteCounts> {
    const changes = this.#options.dedup === 'table' ? await this.#dropSeen(partition) : this.#group.changes;
    const plan = planBatch(changes, {
      guard: this.#guard,
      collapse: this.#options.insertMode === 'upsert',
    });
    this.#suppressed += plan.suppressed;
    if (this.#guard) await this.#readMarks(plan.steps.some((step) => step.tag === 'truncate'));
    for (const step of plan.steps) {
      if (step.tag === 'truncate') await this.#truncate(step.change);
      else await this.#rows(step);
    }
    return { applied: this.#applied, suppressed: this.#suppressed };
  }

  get #name(): string {
    return this.#group.table.name.qualified;
  }

  /** Keeps a TRUNCATE and the rows before it, from another partition, from passing each other unseen. */
  async #readMarks(truncates: boolean): Promise<void> {
    const lock = truncates ? 'pg_advisory_xact_lock' : 'pg_advisory_xact_lock_shared';
    await this.#client.query({
      name: `cdc_${lock}`,
      text: `SELECT ${lock}(hashtextextended($1, 4771))`,
      values: [this.#name],
    });
    const { rows } = await this.#client.query({
      name: 'cdc_marks',
      text: `SELECT coalesce((SELECT position FROM ${TRUNCATES_TABLE} WHERE table_name = $1), '') AS watermark,
                    EXISTS (SELECT FROM ${TOMBSTONES_TABLE} WHERE table_name = $1) AS has_tombstones`,
      values: [this.#name],
    });
    const row = (rows as { watermark: string; has_tombstones: boolean }[])[0];
    this.#marks = { watermark: row?.watermark ?? '', hasTombstones: row?.has_tombstones ?? true };
  }

  async #rows(step: Rows): Promise<void> {
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
    const statement = prepared(table, id, () => upsertSql(table, shape, options));
    await this.#count(rows, async () => {
      const parameters = this.#rowParameters(shape, rows);
      if (checkTombstones)
        parameters.push(
          this.#name,
          textArray(rows, ({ key }) => key),
        );
      const { rowCount } = await run(this.#client, statement, parameters);
      return rowCount ?? 0;
    });
  }

  async #update(shape: string, rows: readonly Folded[]): Promise<void> {
    const { table, keys } = this.#group;
    const statement = prepared(table, `partial ${shape} ${this.#guard}`, () =>
      partialSql(table, shape, keys, this.#guard),
    );
    await this.#count(rows, async () => {
      const { rowCount } = await run(this.#client, statement, this.#rowParameters(shape, rows));
      if ((rowCount ?? 0) < rows.length) await this.#requireRows(rows);
      return rowCount ?? 0;
    });
  }

  /** An update that leaves an unchanged TOAST value out needs the row that has it. */
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
      const statement = prepared(table, 'plain delete', () => plainDeleteSql(table, keys));
      await run(this.#client, statement, this.#keyParameters(unplaced));
      for (const row of unplaced) this.#applied += row.positions.length;
    }
    if (placed.length === 0) return;
    this.#marks = { ...this.#marks, hasTombstones: true };
    const statement = prepared(table, 'delete', () => deleteSql(table, keys));
    const tombstonesOnly = placed.filter((row) => row.positions.length === 0);
    await this.#count(placed, async () => {
      const result = await run(this.#client, statement, this.#keyParameters(placed));
      const marked = new Set((result.rows as { key: string }[]).map((row) => row.key));
      // A tombstone by itself is no event: it counts neither way.
      return marked.size - tombstonesOnly.filter((row) => marked.has(row.change.key)).length;
    });
  }

  async #truncate(change: Change): Promise<void> {
    const { table } = this.#group;
    if (!this.#guard || change.position === null) {
      await this.#client.query(`DELETE FROM ${table.name.sql}`);
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
    await this.#client.query(`DELETE FROM ${table.name.sql} WHERE _cdc_position < $1 COLLATE "C"`, [
      change.position,
    ]);
    this.#marks = { ...this.#marks, watermark: change.position };
    this.#applied++;
  }

  /**
   * Counts events, not rows: of those folded into one row, the ones that the sink had already are duplicates.
   * Only rows with several events need a look at what the sink has; for the others the statement says it.
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

  /** Position of row or tombstone per key; keys that the sink does not know are absent. */
  async #storedPositions(rows: readonly Folded[]): Promise<Map<string, string>> {
    const { table, keys } = this.#group;
    const statement = prepared(table, 'positions', () => positionsSql(table, keys));
    const result = await run(this.#client, statement, this.#keyParameters(rows));
    const known = new Map<string, string>();
    for (const row of result.rows as { key: string; position: string | null }[]) {
      if (row.position !== null) known.set(row.key, row.position);
    }
    return known;
  }

  #rowParameters(shape: string, rows: readonly Folded[]): unknown[] {
    const { columns } = this.#group.table;
    const parameters: unknown[] = [];
    columns.forEach((column, i) => {
      if (shape[i] === '+') {
        const values = rows.map(({ change }) => change.values[i] ?? null);
        parameters.push(arrayParameter(values, elementType(column)));
      }
    });
    parameters.push(
      textArray(rows, ({ op }) => op),
      textArray(rows, ({ lsn }) => lsn),
      textArray(rows, ({ position }) => position),
      instants(rows, ({ sourceTsUs }) => sourceTsUs),
      instants(rows, ({ capturedUs }) => capturedUs),
      this.#receivedAt,
      this.#marks.watermark,
    );
    return parameters;
  }

  #keyParameters(rows: readonly Folded[]): unknown[] {
    const { keys, table } = this.#group;
    const columns = keys.map((name, i) => {
      const column = table.columns[table.indexOf.get(name) ?? -1];
      const values = rows.map(({ change }) => change.keyValues[i] ?? null);
      return arrayParameter(values, column === undefined ? 'text' : elementType(column));
    });
    const texts = [textArray(rows, ({ key }) => key), textArray(rows, ({ position }) => position)];
    return [...columns, ...texts, this.#name];
  }

  /** `dedup.mode=table`: leaves only events that were never applied, and writes down those. */
  async #dropSeen(partition: {
    topic: string;
    partition: number;
    offsets: readonly bigint[];
  }): Promise<readonly Change[]> {
    const events = this.#group.changes.filter((change) => change.kind !== 'tombstone');
    const identities = events.map((change) => identityOf(this.#name, change));
    const result = await this.#client.query({
      name: 'cdc_dedup',
      text: `INSERT INTO ${DEDUP_TABLE} (connector, identity, topic, partition, "offset")
             SELECT $1, u.i, $2, $3, u.o FROM unnest($4::text[], $5::bigint[]) AS u(i, o)
             ON CONFLICT DO NOTHING RETURNING identity`,
      values: [
        this.#options.connector,
        partition.topic,
        partition.partition,
        arrayParameter(identities, 'text'),
        arrayParameter(
          events.map((change) => String(partition.offsets[change.index] ?? 0n)),
          'bigint',
        ),
      ],
    });
    const fresh = new Set((result.rows as { identity: string }[]).map((row) => row.identity));
    const kept = new Set<Change>();
    events.forEach((change, i) => {
      // `delete` is true once: the second of two equal events in one batch is a duplicate too.
      if (fresh.delete(identities[i] ?? '')) kept.add(change);
      else this.#suppressed++;
    });
    return this.#group.changes.filter((change) => change.kind === 'tombstone' || kept.has(change));
  }
}

function textArray(rows: readonly Folded[], of: (change: Change) => string | null): unknown {
  return arrayParameter(
    rows.map(({ change }) => of(change)),
    'text',
  );
}

function instants(rows: readonly Folded[], of: (change: Change) => number | null): unknown {
  return instantsParameter(rows.map(({ change }) => of(change)));
}

/** What tells an event from every other: its position and key; without a key, its values. */
function identityOf(table: string, change: Change): string {
  const what = change.key === '' ? JSON.stringify(change.values) : change.key;
  const id = `${change.position ?? ''}|${table}|${change.op}|${what}`;
  return id.length <= 400 ? id : `sha256:${createHash('sha256').update(id).digest('hex')}`;
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
