import { METADATA_COLUMNS } from '../../pipeline/contract/sink-tables.ts';
import { type Check, type CheckResult, notApplicable } from '../check.ts';
import { type Database, ident } from '../connection/postgres.ts';
import { eachTable } from '../observe/each-table.ts';
import { keepsMetadata } from '../observe/sink/own-tables.ts';
import type { Table } from '../observe/source/catalogue.ts';
import { type Finding, finding } from '../report.ts';
import { durationText } from '../units.ts';
import { periodically } from '../verification/periodic-check.ts';
import { withUnread } from '../verification/unread-tables.ts';

const name = 'freshness';
/** Freshness is computed from rows that arrived within this time. */
const WINDOW = '10 minutes';
/** Larger tables are sampled. */
const SAMPLED_ABOVE_ROWS = 200_000;
/** Where changes are followed, the tables are read again after this. */
const MEASURED_EVERY_MS = 60_000;

/** Time from the commit at the source to the row in the sink. Rows of a snapshot are left out. */
export default {
  name,
  describe: 'Changes reach the sink within the configured time after their commit.',
  needsFence: false,
  run: periodically(
    name,
    async ({ config, databases, evidence }): Promise<CheckResult> => {
      const { copies } = await evidence.catalogues();
      const objective = config.thresholds.freshnessP99Ms;
      const details: string[] = [];
      const blind: string[] = [];
      const findings: Finding[] = [];
      const { answers, unread } = await eachTable(copies, async (copy, id) => {
        if (keepsTimes(copy)) return await percentiles(await databases.sink(), copy);
        blind.push(id);
        return null;
      });
      for (const [id, figures] of answers) {
        if (figures === null) continue;
        details.push(
          `${id} p50 ${durationText(figures.p50)}, p95 ${durationText(figures.p95)}, p99 ${durationText(figures.p99)}`,
        );
        if (objective === null || figures.p99 <= objective) continue;
        const detail = `${id}: p99 is ${durationText(figures.p99)}, the objective is ${durationText(objective)}`;
        findings.push(
          finding({ check: name, class: 'alert', verdict: 'WARN', table: id, hop: 'unknown', detail }),
        );
      }
      if (objective === null && blind.length > 0 && blind.length === copies.size)
        return notApplicable('the sink does not record when rows were committed or arrived');
      if (details.length === 0 && unread.size === 0) details.push(`no change arrived in the last ${WINDOW}`);
      // If a table's freshness cannot be measured, the objective is not shown to be met.
      const unseen = objective !== null && blind.length > 0;
      if (unseen)
        details.push(`the sink does not record when rows of ${blind.join(', ')} were committed or arrived`);
      const verdict = unseen ? 'INCONCLUSIVE' : findings.length > 0 ? 'WARN' : 'PASS';
      return withUnread(name, { verdict, detail: details.join('; '), findings }, unread);
    },
    MEASURED_EVERY_MS,
  ),
} satisfies Check;

/** Whether each row carries its times at the source and at the sink, and the kind of its event. */
function keepsTimes(table: Table): boolean {
  return (['receivedAt', 'sourceTs', 'op'] as const).every((what) => keepsMetadata(table, what));
}

/** Milliseconds from commit to sink; null if no change arrived lately. */
async function percentiles(
  sink: Database,
  table: Table,
): Promise<Readonly<Record<'p50' | 'p95' | 'p99', number>> | null> {
  const share = (SAMPLED_ABOVE_ROWS / table.estimatedRows) * 100;
  const sample =
    table.estimatedRows > SAMPLED_ABOVE_ROWS && table.heldAs === undefined
      ? `TABLESAMPLE SYSTEM (${share})`
      : '';
  const { receivedAt, sourceTs, op } = METADATA_COLUMNS;
  const row = await sink.one(`
    SELECT round(percentile_cont(0.5) WITHIN GROUP (ORDER BY ms))::text AS p50,
           round(percentile_cont(0.95) WITHIN GROUP (ORDER BY ms))::text AS p95,
           round(percentile_cont(0.99) WITHIN GROUP (ORDER BY ms))::text AS p99
    FROM (SELECT (extract(epoch FROM ${receivedAt}::timestamptz - ${sourceTs}::timestamptz) * 1000)::float8 AS ms
          FROM ${ident(table.schema)}.${ident(table.name)} ${sample}
          WHERE ${op} <> 'r' AND ${receivedAt}::timestamptz > now() - interval '${WINDOW}') changes`);
  const { p50, p95, p99 } = row;
  return p50 == null ? null : { p50: Number(p50), p95: Number(p95), p99: Number(p99) };
}
