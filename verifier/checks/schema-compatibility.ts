import { METADATA_COLUMNS } from '../../pipeline/contract/sink-tables.ts';
import type { Check, CheckResult } from '../check.ts';
import { type ColumnPair, pairColumns } from '../compare/column-pair.ts';
import { columnsOfCopy, comparedColumns, type Table } from '../observe/source/catalogue.ts';
import { type Finding, finding } from '../report.ts';
import { worst } from '../verdict.ts';
import { absentCopies } from '../verification/absent-copies.ts';
import type { TableContent } from '../verification/comparison.ts';

const name = 'schema-compatibility';

/**
 * Whether each copy exists, with its columns, types and nullability. A breaking difference loses values: it is a FAIL if
 * values have been lost, and a WARN if they may be. A compatible difference can hold every value of the source, and is only
 * reported. Types whose values cannot be compared are INCONCLUSIVE.
 */
export default {
  name,
  describe: 'The sink has every table and column of the source, with a type that can hold all of its values.',
  needsFence: true,
  async run(context): Promise<CheckResult> {
    const { evidence } = context;
    const { expected, copies } = await evidence.catalogues();
    const { tables } = await evidence.content();
    const findings = await absentCopies(name, context);
    const compatible: string[] = [];
    for (const table of expected) {
      const copy = copies.get(table.id);
      if (copy === undefined) continue;
      compatible.push(...compatibleDrifts(table, copy));
      const content = tables.find((one) => one.table.id === table.id);
      findings.push(
        ...absentColumns(table, copy, content),
        ...incomparable(table, copy),
        ...drifts(table, copy),
      );
    }
    const judged =
      findings.length === 0
        ? [`the columns of ${expected.length} tables fit`]
        : findings.map((one) => one.detail);
    const detail = [...judged, ...compatible.map((drift) => `compatible: ${drift}`)].join('; ');
    return { verdict: worst(['PASS', ...findings.map(({ verdict }) => verdict)]), detail, findings };
  },
} satisfies Check;

/** Columns that the sink lacks: `corrupted` if the source has values in them, else a difference of the schema. */
function absentColumns(table: Table, copy: Table, content: TableContent | undefined): Finding[] {
  const absent = pairColumns(comparedColumns(table, copy), columnsOfCopy(table, copy)).filter(
    (pair) => pair.types === 'absent',
  );
  return absent.map(({ source }) => {
    const lost = content?.comparison?.wrong.some((row) => row.columns.includes(source.name)) ?? true;
    const published = content?.history?.columns.has(source.name);
    const hop = published === undefined ? 'unknown' : published ? 'sink' : 'capture';
    return finding({
      check: name,
      class: lost ? 'corrupted' : 'schema',
      verdict: lost ? 'FAIL' : 'WARN',
      table: table.id,
      hop,
      first: { key: {}, columns: [source.name] },
      examples: [{ key: {}, columns: [source.name] }],
      detail: `breaking: ${table.id} has column ${source.name}, its copy in the sink does not`,
    });
  });
}

/** Columns whose types have no rule: nothing is known of their values. */
function incomparable(table: Table, copy: Table): Finding[] {
  const pairs = pairColumns(comparedColumns(table, copy), columnsOfCopy(table, copy)).filter(
    ({ types }) => types === 'incomparable',
  );
  return pairs.map(({ source, says }) =>
    finding({
      check: name,
      class: 'schema',
      verdict: 'INCONCLUSIVE',
      table: table.id,
      hop: 'sink',
      first: { key: {}, columns: [source.name] },
      examples: [{ key: {}, columns: [source.name] }],
      detail: `not comparable: column ${source.name} of ${table.id} was not compared, because ${says}`,
    }),
  );
}

function drifts(table: Table, copy: Table): Finding[] {
  const problems: [string, string][] = [];
  for (const pair of pairColumns(comparedColumns(table, copy), columnsOfCopy(table, copy))) {
    const problem = driftOf(pair);
    if (problem !== undefined) problems.push([pair.source.name, problem]);
  }
  const own = namesOf(table);
  for (const column of copy.columns) {
    const foreign = !own.has(column.name) && !isBookkeeping(column.name);
    if (!foreign || !column.notNull || column.hasDefault) continue;
    problems.push([
      column.name,
      'is NOT NULL without a default in the sink, and does not exist at the source',
    ]);
  }
  return problems.map(([column, problem]) =>
    finding({
      check: name,
      class: 'schema',
      verdict: 'WARN',
      table: table.id,
      hop: 'sink',
      first: { key: {}, columns: [column] },
      examples: [{ key: {}, columns: [column] }],
      detail: `breaking: column ${column} of ${table.id} ${problem}`,
    }),
  );
}

function namesOf({ columns, generated }: Table): ReadonlySet<string> {
  return new Set([...columns.map(({ name: column }) => column), ...generated]);
}

/** Types that can hold every value, and additional columns of the sink that need no value. */
function compatibleDrifts(table: Table, copy: Table): string[] {
  const own = namesOf(table);
  const wider = pairColumns(comparedColumns(table, copy), columnsOfCopy(table, copy)).flatMap(
    ({ source, sink, types, says }) =>
      types === 'lossless' && sink !== undefined
        ? [`column ${source.name} of ${table.id} ${typesOf({ source, sink, says })}`]
        : [],
  );
  const more = copy.columns
    .filter(({ name: column, notNull, hasDefault }) => {
      return !own.has(column) && !isBookkeeping(column) && (!notNull || hasDefault);
    })
    .map(({ name: column }) => `the copy of ${table.id} has column ${column}, the source does not`);
  const generated = table.generated
    .filter((column) => !copy.columns.some(({ name: held }) => held === column))
    .map((column) => `column ${column} of ${table.id} is generated at the source, and is not compared`);
  return [...wider, ...more, ...generated];
}

/** The types of both sides, and when two of their values count as equal. */
function typesOf({ source, sink, says }: Pick<ColumnPair, 'source' | 'sink' | 'says'>): string {
  const rule = says === null ? '' : `; values are equal if ${says}`;
  return `is ${source.cast} at the source and ${sink?.cast} in the sink${rule}`;
}

function driftOf({ source, sink, types, says }: ColumnPair): string | undefined {
  if (sink === undefined || types === 'incomparable') return undefined;
  if (types === 'lossy') return typesOf({ source, sink, says });
  if (sink.isGenerated === true) return "is generated by the sink, which refuses the source's values";
  if (sink.notNull && !source.notNull) return 'may be NULL at the source and not in the sink';
  return undefined;
}

/** Columns that the sink keeps for itself are not part of the copy. */
function isBookkeeping(column: string): boolean {
  return column.startsWith('_cdc_') || Object.values<string>(METADATA_COLUMNS).includes(column);
}
