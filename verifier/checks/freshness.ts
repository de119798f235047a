import { METADATA_COLUMNS } from '../../pipeline/contract/sink-tables.ts';
import { type Check, type CheckResult, finding } from '../check.ts';
import type { Table } from '../observe/catalogue.ts';
import type { Database } from '../postgres.ts';
import { ident } from '../postgres.ts';

const name = 'freshness';
/** Rows that came in this long ago, or later, are what freshness is told from. */
const WINDOW = '10 minutes';
/** Tables above this are sampled. */
const SAMPLED_ABOVE_ROWS = 200_000;

/** From the commit at the source to the row in the sink; rows of a snapshot are left out. */
export default {
  name,
  describe: 'Changes reach the sink within the objective, from commit time.',
  needsFence: false,
  async run({ config, catalogues, sink }): Promise<CheckResult> {
    const { copies } = await catalogues();
    const objective = config.thresholds.freshnessP99Ms;
    const told: string[] = [];
    const findings = [];
    for (const [id, copy] of copies) {
      const figures = await percentiles(await sink(), copy);
      if (figures === null) continue;
      told.push(`${id} p50 ${figures.p50} ms, p99 ${figures.p99} ms`);
      if (objective === null || figures.p99 <= objective) continue;
      const detail = `${id}: p99 ${figures.p99} ms, the objective is ${objective} ms`;
      findings.push(
        finding({ check: name, class: 'alert', verdict: 'WARN', table: id, hop: 'unknown', detail }),
      );
    }
    const detail = told.length === 0 ? `no change came in the last ${WINDOW}` : told.join('; ');
    return { verdict: findings.length > 0 ? 'WARN' : 'PASS', detail, findings };
  },
} satisfies Check;

async function percentiles(sink: Database, table: Table): Promise<{ p50: number; p99: number } | null> {
  const has = (column: string): boolean => table.columns.some(({ name }) => name === column);
  if (!has(METADATA_COLUMNS.receivedAt) || !has(METADATA_COLUMNS.sourceTs) || !has(METADATA_COLUMNS.op))
    return null;
  const share = (SAMPLED_ABOVE_ROWS / table.estimatedRows) * 100;
  const sample = table.estimatedRows > SAMPLED_ABOVE_ROWS ? `TABLESAMPLE SYSTEM (${share})` : '';
  const { receivedAt, sourceTs, op } = METADATA_COLUMNS;
  const row = await sink.one(`
    SELECT round(percentile_cont(0.5) WITHIN GROUP (ORDER BY ms))::text AS p50,
           round(percentile_cont(0.99) WITHIN GROUP (ORDER BY ms))::text AS p99
    FROM (SELECT (extract(epoch FROM ${receivedAt}::timestamptz - ${sourceTs}::timestamptz) * 1000)::float8 AS ms
          FROM ${ident(table.schema)}.${ident(table.name)} ${sample}
          WHERE ${op} <> 'r' AND ${receivedAt}::timestamptz > now() - interval '${WINDOW}') changes`);
  return row.p50 === null || row.p99 === null ? null : { p50: Number(row.p50), p99: Number(row.p99) };
}
