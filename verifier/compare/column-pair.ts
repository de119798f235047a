import { ident } from '../connection/postgres.ts';
import type { Column } from '../observe/source/catalogue.ts';
import { type ColumnHash, ofText, ofValue } from './hash.ts';

/**
 * SQL that compares a column of the source with its copy in the sink: the expressions are equal exactly if the values
 * are. It relies on the settings that `connection/postgres.ts` pins.
 */
export interface ColumnPair {
  readonly source: Column;
  /** Undefined if the sink lacks the column: it is then compared as NULL. */
  readonly sink: Column | undefined;
  /** Hash of the value itself if both sides have the same type, otherwise of its canonical text. */
  readonly sourceHash: ColumnHash;
  readonly sinkHash: ColumnHash;
  /** Canonical text, used to name the columns that differ. */
  readonly sourceText: string;
  readonly sinkText: string;
  /**
   * The sink's type beside the source's. `same`: the same type. `compatible`: another type that holds every value.
   * `lossy`: one that may not. `absent`: the sink lacks the column.
   */
  readonly types: 'same' | 'compatible' | 'lossy' | 'absent';
}

export const INTEGERS: readonly string[] = ['int2', 'int4', 'int8'];
const TEXTS = ['text', 'varchar', 'bpchar', 'name', 'citext'];

export function pairColumns(source: readonly Column[], sink: readonly Column[]): readonly ColumnPair[] {
  const byName = new Map(sink.map((column) => [column.name, column]));
  return source.map((column) => pairColumn(column, byName.get(column.name)));
}

function pairColumn(source: Column, sink: Column | undefined): ColumnPair {
  const at = ident(source.name);
  if (sink === undefined) {
    const text = canonicalText(at, source, source);
    const nothing = 'NULL::text';
    const hashes = { sourceHash: ofText(text), sinkHash: ofText(nothing) };
    return { source, sink, ...hashes, sourceText: text, sinkText: nothing, types: 'absent' };
  }
  const types = relate(source, sink);
  const sourceText = canonicalText(at, source, sink);
  const sinkText = canonicalText(at, sink, source);
  // "char" is the only type whose text depends on the version of PostgreSQL: use its canonical text on both sides.
  const asText = types !== 'same' || source.type === 'char';
  const sourceHash = asText ? ofText(sourceText) : ofValue(at, [source, sink]);
  const sinkHash = asText ? ofText(sinkText) : sourceHash;
  return { source, sink, sourceText, sinkText, sourceHash, sinkHash, types };
}

/** Text of a value. If the other side has another type, it is a text that both types can produce. */
function canonicalText(at: string, own: Column, other: Column): string {
  const pair = [own.type, other.type];
  const has = (a: string, b: string) => pair.includes(a) && pair.includes(b) && a !== b;
  // COLLATE "C" compares bytes: under a nondeterministic collation, different texts may be equal.
  const plain = (expression: string) => `(${expression})::text COLLATE "C"`;
  if (own.type === 'char') return plain(byteText(at));
  if (has('json', 'jsonb')) return plain(`${at}::jsonb`);
  if (has('timestamp', 'timestamptz')) {
    return own.type === 'timestamp' ? plain(`${at} AT TIME ZONE 'UTC'`) : plain(at);
  }
  if (own.type !== other.type && pair.includes('bpchar')) return `rtrim(${at}::text, ' ') COLLATE "C"`;
  if (has('float8', 'numeric')) return plain(`${at}::float8`);
  if (has('float4', 'float8')) return plain(asFloat4(at));
  return plain(at);
}

/** The one-byte type "char", with a byte beyond ASCII as `\ooo`. PostgreSQL prints it like that since version 15. */
function byteText(at: string): string {
  const digits = [64, 8, 1].map((unit) => `(${at}::int4 + 256) / ${unit} % 8`).join(', ');
  return `CASE WHEN ${at}::int4 < 0 THEN concat(chr(92), ${digits}) ELSE ${at}::text END`;
}

/**
 * The `float4` 0.1 becomes 0.10000000149011612 as a `float8`. So both sides are printed as `float4`, if the value is in
 * the range of that type.
 */
function asFloat4(at: string): string {
  return `CASE WHEN abs(${at}) BETWEEN 1.4e-45 AND 3.4028235e38 THEN (${at}::float4)::text ELSE ${at}::text END`;
}

/** Microseconds are the full precision of times and intervals: `timestamptz(6)` is `timestamptz`. */
function castOf({ type, cast }: Column): string {
  return /^(time|interval)/.test(type) ? cast.replace('(6)', '') : cast;
}

function relate(source: Column, sink: Column): ColumnPair['types'] {
  // If the sink's type has another length or precision, as in varchar(n) or numeric(p,s), it may not hold every value.
  if (source.type === sink.type)
    return castOf(source) !== castOf(sink) && castOf(sink).includes('(') ? 'lossy' : 'same';
  if (INTEGERS.includes(source.type) && INTEGERS.includes(sink.type)) {
    return INTEGERS.indexOf(source.type) < INTEGERS.indexOf(sink.type) ? 'compatible' : 'lossy';
  }
  if (sink.type === 'text' || (TEXTS.includes(source.type) && TEXTS.includes(sink.type))) return 'compatible';
  if (source.kind === 'e' && TEXTS.includes(sink.type)) return 'compatible';
  const pair = `${source.type}>${sink.type}`;
  const known = ['float4>float8', 'timestamp>timestamptz', 'timestamptz>timestamp', 'json>jsonb', 'oid>int8'];
  const widened = [...known, 'int2>numeric', 'int4>numeric', 'int8>numeric', 'int2>float8', 'int4>float8'];
  return widened.includes(pair) || (source.type.startsWith('_') && sink.type === '_text')
    ? 'compatible'
    : 'lossy';
}
