import { messageOf } from '../../pipeline/contract/errors.ts';
import { DEDUP_TABLE, STATS_TABLE } from '../../pipeline/contract/sink-tables.ts';
import type { Check, CheckContext, CheckResult } from '../check.ts';
import type { Database } from '../connection/postgres.ts';
import { ownTable } from '../observe/sink/own-tables.ts';
import { type Finding, finding } from '../report.ts';
import { countText } from '../units.ts';
import { worst } from '../verdict.ts';
import { contentCheck } from '../verification/content-check.ts';

const name = 'duplicates';
const rows = contentCheck(name, 'duplicate', 'No row of the source is in the sink more than once.');

/** Rows that are in the sink twice. A change that was delivered twice and suppressed is counted, and is no fault. */
export default {
  ...rows,
  async run(context) {
    const result = await rows.run(context);
    // The rows are judged even if the sink's own tables cannot be read.
    const { suppressed, dedup } = await readBooks(context).catch(unreadBooks);
    // The same if Kafka fails meanwhile: this is only a count.
    const log = await context.evidence.topicLog().catch(() => null);
    const delivered = log?.repeated ?? null;
    const parts = [
      result.detail,
      delivered === null ? '' : `${countText(delivered)} delivered again`,
      suppressed === null ? '' : `${countText(suppressed)} deliveries suppressed`,
      dedup?.detail ?? '',
    ];
    const findings = [...result.findings, ...(dedup?.findings ?? [])];
    return {
      ...result,
      verdict: worst([result.verdict, ...findings.map(({ verdict }) => verdict)]),
      detail: parts.filter(Boolean).join('; '),
      findings,
      deliveries: {
        duplicatesDelivered: delivered,
        duplicatesSuppressed: suppressed,
        dedupTable: dedup?.counts ?? null,
      },
    };
  },
} satisfies Check;

/** What the sink's own tables say. */
interface Books {
  readonly suppressed: number | null;
  readonly dedup: Examined | null;
}

async function readBooks({
  config,
  databases,
  pipeline,
}: Pick<CheckContext, 'config' | 'databases' | 'pipeline'>): Promise<Books> {
  const sink = await databases.sink();
  const own = { schema: config.sink.schema, topics: [...(await pipeline.topics()).values()] };
  return { suppressed: await suppressedCount(sink, own), dedup: await examineDedup(sink, own) };
}

function unreadBooks(error: unknown): Books {
  const detail = `the sink's own tables could not be read: ${messageOf(error)}`;
  const about = { check: name, class: 'evidence-missing', verdict: 'INCONCLUSIVE', hop: 'sink' } as const;
  return { suppressed: null, dedup: { detail, findings: [finding({ ...about, detail })], counts: null } };
}

const DEDUP = {
  connector: 'text',
  identity: 'text',
  topic: 'text',
  partition: 'number',
  offset: 'number',
} as const;
const STATS = { topic: 'text', applied: 'number', suppressed: 'number', dead_lettered: 'number' } as const;

interface OwnTables {
  /** Schema of the sink's own tables. */
  readonly schema: string;
  readonly topics: readonly string[];
}

/** Null if the sink keeps no totals, because it is not this lab's. */
async function suppressedCount(sink: Database, { schema, topics }: OwnTables): Promise<number | null> {
  const table = await ownTable(sink, schema, STATS_TABLE, { topic: 'text', suppressed: 'number' });
  if (table === null) return null;
  const sql = `SELECT coalesce(sum(suppressed), 0)::text AS n FROM ${table} WHERE topic = ANY ($1)`;
  return Number((await sink.one(sql, [topics])).n);
}

interface Examined {
  readonly detail: string;
  readonly findings: Finding[];
  readonly counts: NonNullable<NonNullable<CheckResult['deliveries']>['dedupTable']> | null;
}

/**
 * The sink's table of applied records must hold no record twice, and no event under two records. Its primary key should
 * guarantee that; a table that was created without it, or is written by somebody else, is found here. The table must
 * not hold more records than the sink has counted either.
 */
async function examineDedup(sink: Database, { schema, topics }: OwnTables): Promise<Examined | null> {
  const table = await ownTable(sink, schema, DEDUP_TABLE, DEDUP);
  if (table === null) return null;
  const stats = await ownTable(sink, schema, STATS_TABLE, STATS);
  const total = (column: string): string =>
    stats === null
      ? 'NULL'
      : `(SELECT coalesce(sum(${column}), 0)::text FROM ${stats} WHERE topic = ANY ($1))`;
  const row = await sink.one(
    `SELECT count(*)::text AS total,
            (count(*) - count(DISTINCT (connector, identity)))::text AS events,
            (count(*) - count(DISTINCT (connector, topic, partition, "offset")))::text AS records,
            ${total('applied')} AS applied, ${total('suppressed')} AS suppressed, ${total('dead_lettered')} AS dead
     FROM ${table} WHERE topic = ANY ($1)`,
    [topics],
  );
  const rows = Number(row.total);
  const [events, records] = [Number(row.events), Number(row.records)];
  if (events + records > 0) {
    const detail = `${DEDUP_TABLE} holds ${events} events and ${records} records more than once`;
    const twice = { check: name, class: 'duplicate', verdict: 'FAIL', hop: 'sink', detail } as const;
    return { detail, findings: [finding({ ...twice, count: Math.max(events, records) })], counts: null };
  }
  if (rows === 0) return { detail: '', findings: [], counts: null };
  const each = `${countText(rows)} in ${DEDUP_TABLE}, each once`;
  if (stats === null) return { detail: each, findings: [], counts: null };
  return againstTotals(each, rows, [Number(row.applied), Number(row.suppressed), Number(row.dead)]);
}

/** The table holds every delivery that the sink applied, and may hold those that it suppressed by position. */
function againstTotals(
  each: string,
  rows: number,
  [applied, suppressed, dead]: readonly [number, number, number],
): Examined {
  const surplus = rows - (applied + suppressed + dead);
  const agrees = surplus > 0 ? false : rows < applied ? null : true;
  const counts = { rows, applied, suppressed, agrees };
  if (agrees === true) {
    const totals = `${countText(applied)} applied and ${countText(suppressed)} suppressed`;
    return { detail: `${each}, in agreement with ${totals}`, findings: [], counts };
  }
  if (agrees === null)
    return { detail: `${each}, but fewer than the ${countText(applied)} applied`, findings: [], counts };
  const detail = `${DEDUP_TABLE} holds ${countText(surplus)} deliveries that the sink neither applied nor suppressed`;
  const about = { check: name, class: 'alert', verdict: 'WARN', hop: 'sink', detail } as const;
  return { detail, findings: [finding({ ...about, count: surplus })], counts };
}
