import { STATS_TABLE } from '../../pipeline/contract/sink-tables.ts';
import { type Check, type CheckResult, notApplicable, pass } from '../check.ts';
import type { Database } from '../connection/postgres.ts';
import { ownTable } from '../observe/sink/own-tables.ts';
import { deadLetterTopics } from '../observe/topic/dead-letters.ts';
import { type Finding, finding, MAX_EXAMPLES } from '../report.ts';
import { countText } from '../units.ts';
import { worst } from '../verdict.ts';
import type { TableContent } from '../verification/comparison.ts';
import { asHistory, hasNone, isHistory } from '../verification/equal-now.ts';
import { accountedRows, exampleOf, sumOf } from '../verification/row-findings.ts';

const name = 'dead-letters';

/** Records that the sink could not apply. In a dead-letter topic they wait for an operator; elsewhere they are lost. */
export default {
  name,
  describe: 'Every record that the sink gave up on is in a dead-letter topic.',
  needsFence: true,
  async run(context): Promise<CheckResult> {
    const { config, databases, pipeline, evidence } = context;
    const deadTopics = await deadLetterTopics(config);
    const kafka = await pipeline.kafka();
    const offsets = kafka === null ? null : await kafka.offsets(deadTopics);
    let written = 0n;
    let held = 0n;
    for (const [partition, end] of offsets?.ends ?? []) {
      written += end;
      held += end - (offsets?.firsts.get(partition) ?? 0n);
    }
    const topics = [...(await pipeline.topics()).values()];
    const given = await givenUp(await databases.sink(), config.sink.schema, topics);
    const findings: Finding[] = [];
    if (kafka === null && given === null) return notApplicable('no Kafka, and the sink keeps no totals');
    let history: string | null = null;
    // The total is that of these topics: with other tables to verify, it is another one.
    const subject = [name, ...topics.toSorted()].join(' ');
    if (given !== null && given <= written) hasNone(context, subject);
    if (given !== null && given > written) {
      const detail = `the sink gave up on ${countText(given)} records, but only ${countText(written)} reached a dead-letter topic`;
      const count = Number(given - written);
      const fault = { subject, counts: { lost: count }, table: null, handledIn: null };
      if (await isHistory(context, fault)) history = asHistory(detail, 'all rows are');
      const lost = { check: name, class: 'dead-letter', verdict: 'FAIL', hop: 'sink', detail } as const;
      if (history === null) findings.push(finding({ ...lost, count }));
    }
    if (held > 0n) {
      const detail = `${countText(held)} dead letters wait in ${deadTopics.join(', ')}`;
      const waiting = { check: name, class: 'dead-letter', verdict: 'WARN', hop: 'sink', detail } as const;
      findings.push(finding({ ...waiting, count: Number(held) }));
      findings.push(...(await evidence.content()).tables.flatMap(accountedFinding));
    }
    if (findings.length === 0) return pass(history ?? 'no dead letters');
    const detail = [...findings.map((one) => one.detail), history ?? ''].filter(Boolean).join('; ');
    return { verdict: worst(findings.map(({ verdict }) => verdict)), detail, findings };
  },
} satisfies Check;

/** Rows that are wrong because their last record is a dead letter: once it is applied, they are right. */
function accountedFinding(content: TableContent): Finding[] {
  const rows = accountedRows(content);
  const { comparison, table } = content;
  if (comparison === null || rows.length === 0) return [];
  const count = sumOf(rows);
  const classes = [...new Set(rows.map((row) => row.class))].join(', ');
  const examples = rows.slice(0, MAX_EXAMPLES).map((row) => exampleOf(comparison, row));
  const detail = `dead letters account for ${count} wrong rows of ${table.id} (${classes})`;
  const about = { check: name, class: 'dead-letter', verdict: 'WARN', hop: 'sink', detail } as const;
  return [finding({ ...about, table: table.id, count, first: examples[0] ?? null, examples })];
}

/** Records that the sink counts as dead letters; null if it keeps no totals. */
async function givenUp(sink: Database, schema: string, topics: readonly string[]): Promise<bigint | null> {
  const table = await ownTable(sink, schema, STATS_TABLE, { topic: 'text', dead_lettered: 'number' });
  if (table === null) return null;
  const sql = `SELECT coalesce(sum(dead_lettered), 0)::text AS n FROM ${table} WHERE topic = ANY ($1)`;
  return BigInt((await sink.one(sql, [topics])).n ?? 0);
}
