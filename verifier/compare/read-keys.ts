import { createHash } from 'node:crypto';
import { METADATA_COLUMNS } from '../../pipeline/contract/sink-tables.ts';
import type { Database } from '../connection/postgres.ts';
import { ident } from '../connection/postgres.ts';
import { keepsMetadata } from '../observe/sink/own-tables.ts';
import { isBorrowed } from '../observe/source/catalogue.ts';
import { type TablePair, unchangedText } from './table-pair.ts';

/** What one side holds for one key. Values stay in memory only while the key is judged; none is reported. */
export interface KeyState {
  /** Rows with that key: 0 or 1, or more if the sink has no primary key. */
  readonly rows: number;
  /** The newest row, column by column, as canonical text. Null if there is no row. */
  readonly image: readonly (string | null)[] | null;
  /** Digest of each row's image, sorted. */
  readonly digests: readonly string[];
  /** At the source: the digests of rows whose values no setting of the capture has changed; empty if none may be. */
  readonly unchanged: readonly string[];
  /** Changes whenever the row is written, even if it returns to the same values: the rows' `xmin`. */
  readonly stamp: string;
  /** `_cdc_position` of the newest row; null if the table has no such column. */
  readonly position: string | null;
}

export const ABSENT: KeyState = {
  rows: 0,
  image: null,
  digests: [],
  unchanged: [],
  stamp: '',
  position: null,
};

/** Reads the rows of the given keys on one side, by key text. A key without a row is not in the map. */
export async function readKeys(
  database: Database,
  pair: TablePair,
  side: 'source' | 'sink',
  keyTexts: readonly string[],
): Promise<ReadonlyMap<string, KeyState>> {
  const sql = side === 'source' ? pair.sides.source : pair.sides.sink;
  const states = new Map<string, KeyState>();
  if (sql === null || keyTexts.length === 0) return states;
  const texts = pair.columns.map((column) => (side === 'source' ? column.sourceText : column.sinkText));
  const table = side === 'source' ? pair.source : pair.sink;
  const position = table !== undefined && keepsMetadata(table, 'position');
  const at = position && side === 'sink' ? `${ident(METADATA_COLUMNS.position)}::text` : 'NULL::text';
  const isKept = side === 'source' && pair.unchangedHash !== null;
  const kept = isKept ? pair.columns.map(unchangedText) : [];
  const select = [
    ...texts.map((text, i) => `${text} AS c${i}`),
    ...kept.map((text, i) => `${text} AS u${i}`),
    `${sql.keyText} AS key`,
    'xmin::text AS stamp',
  ];
  const { where, values } = keyFilter(pair, side, keyTexts);
  const rows = await database.query(
    `SELECT ${select.join(', ')}, ${at} AS position FROM ${sql.from} WHERE ${where} ORDER BY position NULLS FIRST`,
    values,
  );
  for (const row of rows) {
    const image = texts.map((_, i) => row[`c${i}`] ?? null);
    const before = states.get(row.key ?? '') ?? ABSENT;
    states.set(row.key ?? '', {
      rows: before.rows + 1,
      image,
      digests: [...before.digests, digestOf(image)].sort(),
      unchanged: isKept
        ? [...before.unchanged, digestOf(kept.map((_, i) => row[`u${i}`] ?? null))].sort()
        : [],
      stamp: `${before.stamp},${row.stamp}`,
      position: row.position ?? null,
    });
  }
  return states;
}

/** SQL condition that selects keys, and that the key's index can serve. For a table without key: over the row's hash. */
export function keyFilter(
  pair: TablePair,
  side: 'source' | 'sink',
  keyTexts: readonly string[],
): { where: string; values: unknown[] } {
  if (pair.key.length === 0) {
    const hash = (side === 'source' ? pair.sides.source : pair.sides.sink)?.rowHash ?? 'NULL';
    return { where: `${hash} = ANY ($1::bigint[])`, values: [keyTexts] };
  }
  const text = (side === 'source' ? pair.sides.source : pair.sides.sink)?.keyText ?? 'NULL';
  if (pair.key.some(({ source, sink }) => isBorrowed(source) || (sink !== undefined && isBorrowed(sink)))) {
    return { where: `${text} = ANY ($1::text[])`, values: [keyTexts] };
  }
  const keys = keyTexts.map((key) => JSON.parse(key) as (string | null)[]);
  const values = pair.key.map((_, i) => keys.map((key) => key[i] ?? null));
  // Where a cast of the key's text would not give the value back, only the texts can be compared, which takes a scan.
  const columns = pair.key
    .map((column) => {
      if (column.castable) return ident(column.source.name);
      return side === 'source' ? column.sourceText : column.sinkText;
    })
    .join(', ');
  const typed = pair.key.map((column, i) => {
    const own = side === 'source' ? column.source : (column.sink ?? column.source);
    return column.castable ? `k${i}::${own.cast}` : `k${i}::text COLLATE "C"`;
  });
  const names = pair.key.map((_, i) => `k${i}`).join(', ');
  const unnest = `unnest(${pair.key.map((_, i) => `$${i + 1}::text[]`).join(', ')}) AS k(${names})`;
  const where = `(${columns}) IN (SELECT ${typed.join(', ')} FROM ${unnest})`;
  // A copy without primary key may hold NULL in a key column, which `IN` never finds: compare the key's text.
  const withNull = keyTexts.filter((_, i) => keys[i]?.includes(null));
  if (withNull.length === 0) return { where, values };
  return {
    where: `(${where} OR ${text} = ANY ($${pair.key.length + 1}::text[]))`,
    values: [...values, withNull],
  };
}

function digestOf(image: readonly (string | null)[]): string {
  const hash = createHash('sha256');
  for (const value of image) hash.update(value === null ? 'n' : `v${Buffer.byteLength(value)}:${value}`);
  return hash.digest('base64');
}
