import type { Finding } from '../../verifier/report.ts';
import { parseTable } from '../../verifier/table-id.ts';
import type { Access, Side } from '../access/access.ts';
import type { Expectation } from '../plugins/scenario.ts';
import type { WrongRow } from './result.ts';

/** The most copies of one key to read. */
const MOST_COPIES = 3;

/**
 * The row that a failing finding names first, as both sides have it: of the expected finding where it names one. Null
 * where none names a row.
 */
export async function wrongRowOf(
  findings: readonly Finding[],
  expected: Expectation,
  access: Access,
): Promise<WrongRow | null> {
  const named = findings.filter(({ verdict, table, first }) => verdict === 'FAIL' && table !== null && first);
  const wanted = expected.verdict === 'FAIL' ? expected.finding.class : undefined;
  const found = named.find((finding) => finding.class === wanted) ?? named[0];
  const { table, first } = found ?? {};
  if (found === undefined || table === undefined || table === null || !first) return null;
  const [source = null] = await rowsOf(access, 'source', table, first.key);
  const sink = await rowsOf(access, 'sink', table, first.key);
  return { class: found.class, table, key: first.key, columns: differing(source, sink), source, sink };
}

type Row = Readonly<Record<string, string | null>>;

/** Rows of a key, with every value as text; what the sink adds for itself is left out. */
async function rowsOf(
  access: Access,
  side: Side,
  table: string,
  key: Readonly<Record<string, string | null>>,
): Promise<Row[]> {
  const { schema, name } = parseTable(table) ?? { schema: 'public', name: table };
  const where = Object.keys(key).map(
    (column, i) => `t.${quoted(column)}::text IS NOT DISTINCT FROM $${i + 1}`,
  );
  const rows = await access.query(
    side,
    `SELECT to_jsonb(t) AS row FROM ${quoted(side === 'sink' ? 'public' : schema)}.${quoted(name)} t
      WHERE ${where.join(' AND ') || 'false'} LIMIT ${MOST_COPIES}`,
    Object.values(key),
  );
  return rows.map(({ row }) =>
    Object.fromEntries(
      Object.entries(row as Record<string, unknown>)
        .filter(([column]) => !column.startsWith('_cdc_'))
        .map(([column, value]) => [column, textOf(value)]),
    ),
  );
}

const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`;

function textOf(value: unknown): string | null {
  if (value === null) return null;
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

/** Columns that differ in one of the copies, or are missing from it. */
function differing(source: Row | null, sink: readonly Row[]): string[] {
  if (source === null) return [];
  const columns = new Set([source, ...sink].flatMap((row) => Object.keys(row)));
  return [...columns].filter((column) => sink.some((copy) => copy[column] !== source[column]));
}
