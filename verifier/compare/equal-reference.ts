import type { Column } from '../observe/source/catalogue.ts';
import type { KeyColumn, Known } from '../observe/source/foreign-keys.ts';

/** The referenced and the referencing column of one side. */
export interface Referring {
  readonly parent: Column;
  readonly child: Column;
}

/** SQL that is true if a reference is equal to a key. */
export interface Equality {
  readonly sql: string;
  /** False: values that are equal at the source may differ here, so a row is not an orphan beyond doubt. */
  readonly isExact: boolean;
}

const NUMBERS = ['int2', 'int4', 'int8', 'numeric', 'float4', 'float8', 'oid'];
const TIMES = ['date', 'timestamp', 'timestamptz'];
/** Types whose values are equal exactly if their texts are. */
const INTEGERS = ['int2', 'int4', 'int8', 'oid'];
const PLAIN = [...INTEGERS, ...TIMES, 'text', 'varchar', 'name', 'uuid', 'bool', 'bytea', 'time', 'macaddr'];

/**
 * Compares as the source's foreign key does: by its operator and collation, in the sink on columns that may have other
 * types. `p` and `c` are SQL for the value in the referenced and in the referencing row.
 */
export function equalReference(
  key: KeyColumn,
  source: Referring,
  own: Referring,
  { p, c, known }: { readonly p: string; readonly c: string; readonly known: Known },
): Equality {
  const sql = (a: string, b: string): string => `${a} OPERATOR(pg_catalog.=) ${b}`;
  const plain = (at: string): string => `(${at})::text COLLATE "C"`;
  const both = (types: readonly string[]) =>
    types.includes(own.parent.type) && types.includes(own.child.type);
  const hasTypes = own.parent.type === source.parent.type && own.child.type === source.child.type;
  const isKnown = known.signatures.has(key.signature);
  if (hasTypes && isKnown && key.collation === null) {
    return { sql: `${p} ${key.operator} ${c}`, isExact: true };
  }
  if (hasTypes && isKnown && (!key.isNondeterministic || known.collations.has(key.collation ?? ''))) {
    const collation = key.isNondeterministic ? key.collation : '"C"';
    const by = source.parent.type === 'citext' ? '' : ` COLLATE ${collation}`;
    return { sql: `(${p})${by} ${key.operator} (${c})${by}`, isExact: true };
  }
  if (source.parent.type === 'citext') {
    const lower = (at: string): string => `lower((${at})::text COLLATE "default")`;
    return { sql: sql(lower(p), lower(c)), isExact: true };
  }
  if (both(NUMBERS) || both(TIMES)) return { sql: sql(p, c), isExact: true };
  if (source.parent.type === 'bpchar') {
    const trimmed = (at: string): string => `rtrim(${at}::text, ' ') COLLATE "C"`;
    return { sql: sql(trimmed(p), trimmed(c)), isExact: !key.isNondeterministic };
  }
  const isPlain = source.parent.kind === 'e' || PLAIN.includes(source.parent.type);
  return { sql: sql(plain(p), plain(c)), isExact: isPlain && !key.isNondeterministic };
}
