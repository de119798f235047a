import { DEDUP_TABLE, STATS_TABLE } from '../../pipeline/contract/sink-tables.ts';
import type { Check, CheckContext, CheckResult } from '../check.ts';
import { ident } from '../connection/postgres.ts';
import type { Finding } from '../report.ts';
import { finding } from '../report.ts';
import { worst } from '../verdict.ts';
import { contentCheck } from '../verification/content-check.ts';

const name = 'duplicates';
const rows = contentCheck(name, 'duplicate', 'No row of the source is in the sink more than once.');

/** Rows that are in the sink twice; what was delivered twice and suppressed is a count, not a fault. */
export default {
  ...rows,
  async run(context) {
    const result = await rows.run(context);
    const suppressed = await suppressedCount(context);
    // Where Kafka fails in between, the rows are judged all the same: this is a count.
    const log = await context.topicLog().catch(() => null);
    const delivered = log?.repeated ?? null;
    const dedup = await examineDedup(context);
    const told = [
      result.detail,
      delivered === null ? '' : `${delivered} delivered again`,
      suppressed === null ? '' : `${suppressed} deliveries suppressed`,
      dedup?.detail ?? '',
    ];
    const findings = [...result.findings, ...(dedup?.findings ?? [])];
    return {
      ...result,
      verdict: worst([result.verdict, ...findings.map(({ verdict }) => verdict)]),
      detail: told.filter(Boolean).join('; '),
      findings,
      deliveries: {
        duplicatesDelivered: delivered,
        duplicatesSuppressed: suppressed,
        dedupTable: dedup?.counts ?? null,
      },
    };
  },
} satisfies Check;

/** Null where the sink keeps no totals: a pipeline that is not this lab's. */
async function suppressedCount(context: CheckContext): Promise<number | null> {
  const table = await ownTable(context, STATS_TABLE);
  if (table === null) return null;
  const row = await (await context.sink()).one(
    `SELECT coalesce(sum(suppressed), 0)::text AS n FROM ${table} WHERE topic = ANY ($1)`,
    [[...(await context.topics()).values()]],
  );
  return Number(row.n);
}

interface Examined {
  readonly detail: string;
  readonly findings: Finding[];
  readonly counts: NonNullable<NonNullable<CheckResult['deliveries']>['dedupTable']> | null;
}

/**
 * The table of what was applied: no record twice, no event under two records. Its own key should see to that; a table
 * that was made without it, or is written beside it, is found here. Neither may it hold more than the sink has counted.
 */
async function examineDedup(context: CheckContext): Promise<Examined | null> {
  const table = await ownTable(context, DEDUP_TABLE);
  if (table === null) return null;
  const stats = await ownTable(context, STATS_TABLE);
  const total = (column: string): string =>
    stats === null
      ? 'NULL'
      : `(SELECT coalesce(sum(${column}), 0)::text FROM ${stats} WHERE topic = ANY ($1))`;
  const row = await (await context.sink()).one(
    `SELECT count(*)::text AS total,
            (count(*) - count(DISTINCT (connector, identity)))::text AS events,
            (count(*) - count(DISTINCT (connector, topic, partition, "offset")))::text AS records,
            ${total('applied')} AS applied, ${total('suppressed')} AS suppressed, ${total('dead_lettered')} AS dead
     FROM ${table} WHERE topic = ANY ($1)`,
    [[...(await context.topics()).values()]],
  );
  const rows = Number(row.total);
  const [events, records] = [Number(row.events), Number(row.records)];
  if (events + records > 0) {
    const detail = `${DEDUP_TABLE} holds ${events} events and ${records} records more than once`;
    const twice = { check: name, class: 'duplicate', verdict: 'FAIL', hop: 'sink', detail } as const;
    return { detail, findings: [finding({ ...twice, count: Math.max(events, records) })], counts: null };
  }
  if (rows === 0) return { detail: '', findings: [], counts: null };
  const each = `${rows} in ${DEDUP_TABLE}, each once`;
  if (stats === null) return { detail: each, findings: [], counts: null };
  return againstTotals(each, rows, [Number(row.applied), Number(row.suppressed), Number(row.dead)]);
}

/** Each delivery that the sink applied is in the table, and so may be those that it suppressed by position. */
function againstTotals(
  each: string,
  rows: number,
  [applied, suppressed, dead]: readonly [number, number, number],
): Examined {
  const surplus = rows - (applied + suppressed + dead);
  const agrees = surplus > 0 ? false : rows < applied ? null : true;
  const counts = { rows, applied, suppressed, agrees };
  if (agrees === true) {
    const totals = `${applied} applied and ${suppressed} suppressed`;
    return { detail: `${each}, which agrees with ${totals}`, findings: [], counts };
  }
  if (agrees === null) return { detail: `${each}, not all of ${applied} applied`, findings: [], counts };
  const detail = `${DEDUP_TABLE} holds ${surplus} deliveries that the sink has neither applied nor suppressed`;
  const about = { check: name, class: 'alert', verdict: 'WARN', hop: 'sink', detail } as const;
  return { detail, findings: [finding({ ...about, count: surplus })], counts };
}

/** Quoted name of one of the sink's own tables; null where the sink has none. */
async function ownTable(context: CheckContext, table: string): Promise<string | null> {
  const quoted = `${ident(context.config.sink.schema)}.${ident(table)}`;
  const { name: there } = await (await context.sink()).one('SELECT to_regclass($1)::text AS name', [quoted]);
  return there === null ? null : quoted;
}
