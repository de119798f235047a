import { ident } from '../connection/postgres.ts';
import type { Column } from '../observe/source/catalogue.ts';
import { type ColumnHash, ofText, ofValue } from './hash.ts';

/**
 * SQL by which a value of the source and its copy in the sink are compared: equal exactly where the values are.
 * Needs the settings that `postgres.ts` pins.
 */
export interface ColumnPair {
  readonly source: Column;
  /** Undefined where the sink lacks the column: compared as NULL. */
  readonly sink: Column | undefined;
  /** Of the value itself where both sides have the same type; else of the canonical texts. */
  readonly sourceHash: ColumnHash;
  readonly sinkHash: ColumnHash;
  /** Expressions of type text, for telling which column differs. */
  readonly sourceText: string;
  readonly sinkText: string;
  /** `same`: one type. `compatible`: another that holds every value. `lossy`: one that may not. */
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
  // The one type whose text is another in some versions: canonical on both sides.
  const asText = types !== 'same' || source.type === 'char';
  const sourceHash = asText ? ofText(sourceText) : ofValue(at, [source, sink]);
  const sinkHash = asText ? ofText(sinkText) : sourceHash;
  return { source, sink, sourceText, sinkText, sourceHash, sinkHash, types };
}

/** Text of a value; where the other side's type is another one, such a text as both can give. */
function canonicalText(at: string, own: Column, other: Column): string {
  const pair = [own.type, other.type];
  const has = (a: string, b: string) => pair.includes(a) && pair.includes(b) && a !== b;
  // Collation C: under a nondeterministic collation, different texts may be equal.
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

/** Of the one-byte type "char": a byte beyond ASCII as `\ooo`, which PostgreSQL does itself since 15. */
function byteText(at: string): string {
  const digits = [64, 8, 1].map((unit) => `(${at}::int4 + 256) / ${unit} % 8`).join(', ');
  return `CASE WHEN ${at}::int4 < 0 THEN concat(chr(92), ${digits}) ELSE ${at}::text END`;
}

/** 0.1 is 0.10000000149011612 as a `float8`: both are told as the `float4` that they are, where that can hold them. */
function asFloat4(at: string): string {
  return `CASE WHEN abs(${at}) BETWEEN 1.4e-45 AND 3.4028235e38 THEN (${at}::float4)::text ELSE ${at}::text END`;
}

/** Six digits are all that a time has: `timestamptz(6)` is `timestamptz`. */
function castOf({ type, cast }: Column): string {
  return /^(time|interval)/.test(type) ? cast.replace('(6)', '') : cast;
}

function relate(source: Column, sink: Column): ColumnPair['types'] {
  // A shorter varchar(n) or numeric(p,s) in the sink may not hold the value.
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
