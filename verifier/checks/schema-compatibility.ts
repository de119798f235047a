import { type Check, type CheckResult, finding } from '../check.ts';
import type { ColumnPair } from '../compare/canonical.ts';
import { pairColumns } from '../compare/canonical.ts';
import type { TableContent } from '../content.ts';
import type { Table } from '../observe/catalogue.ts';
import { isBookkeeping } from '../observe/pipeline.ts';
import type { Finding } from '../report.ts';
import { worst } from '../verdict.ts';

const name = 'schema-compatibility';

/** Columns, types and nullability of each copy. Breaking where a value is lost already, else a drift to look at. */
export default {
  name,
  describe: 'The sink has every column of the source, of a type that holds its values.',
  needsFence: true,
  async run(context): Promise<CheckResult> {
    const { expected, copies } = await context.catalogues();
    const { tables } = await context.content();
    const findings: Finding[] = [];
    for (const table of expected) {
      const copy = copies.get(table.id);
      if (copy === undefined) continue;
      const content = tables.find((one) => one.table.id === table.id);
      findings.push(...absentColumns(table, copy, content), ...drifts(table, copy));
    }
    const none = `${expected.length} tables fit`;
    const detail = findings.length === 0 ? none : findings.map((one) => one.detail).join('; ');
    return { verdict: worst(['PASS', ...findings.map(({ verdict }) => verdict)]), detail, findings };
  },
} satisfies Check;

/** A column that the sink lacks: corrupted where the source holds values in it, else a drift. */
function absentColumns(table: Table, copy: Table, content: TableContent | undefined): Finding[] {
  const absent = pairColumns(table.columns, copy.columns).filter((pair) => pair.types === 'absent');
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
      detail: `${table.id} has column ${source.name}, its copy in the sink has not`,
    });
  });
}

function drifts(table: Table, copy: Table): Finding[] {
  const problems: [string, string][] = [];
  for (const pair of pairColumns(table.columns, copy.columns)) {
    const problem = driftOf(pair);
    if (problem !== undefined) problems.push([pair.source.name, problem]);
  }
  const own = new Set(table.columns.map((column) => column.name));
  for (const column of copy.columns) {
    const foreign = !own.has(column.name) && !isBookkeeping(column.name);
    if (!foreign || !column.notNull || column.hasDefault) continue;
    problems.push([column.name, 'is NOT NULL without a default, and the source does not have it']);
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
      detail: `column ${column} of ${table.id} ${problem}`,
    }),
  );
}

function driftOf({ source, sink, types }: ColumnPair): string | undefined {
  if (sink === undefined) return undefined;
  if (types === 'lossy') return `is ${source.cast} at the source and ${sink.cast} in the sink`;
  if (sink.notNull && !source.notNull) return 'may be NULL at the source and not in the sink';
  return undefined;
}
