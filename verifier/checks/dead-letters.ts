import { STATS_TABLE } from '../../pipeline/contract/sink-tables.ts';
import { type Check, type CheckContext, type CheckResult, pass } from '../check.ts';
import { ident } from '../connection/postgres.ts';
import { deadLetterTopics } from '../observe/topic/dead-letters.ts';
import type { Finding } from '../report.ts';
import { finding } from '../report.ts';
import { worst } from '../verdict.ts';
import { accountedRows, exampleOf, type TableContent } from '../verification/comparison.ts';

const name = 'dead-letters';
const EXAMPLES = 5;

/** Records that could not be applied: in the dead-letter topic they wait for a person; elsewhere they are lost. */
export default {
  name,
  describe: 'Every record that the sink gave up on is in a dead-letter topic.',
  needsFence: true,
  async run(context): Promise<CheckResult> {
    const topics = await deadLetterTopics(context);
    const kafka = await context.kafka();
    const offsets = kafka === null ? null : await kafka.offsets(topics);
    let written = 0n;
    let held = 0n;
    for (const [partition, end] of offsets?.ends ?? []) {
      written += end;
      held += end - (offsets?.firsts.get(partition) ?? 0n);
    }
    const given = await givenUp(context);
    const findings: Finding[] = [];
    if (given > written) {
      const detail = `the sink gave up on ${given} records, ${written} of them reached a dead-letter topic`;
      const count = Number(given - written);
      const lost = { check: name, class: 'dead-letter', verdict: 'FAIL', hop: 'sink', detail } as const;
      findings.push(finding({ ...lost, count }));
    }
    if (held > 0n) {
      const detail = `${held} dead letters wait in ${topics.join(', ')}`;
      const waiting = { check: name, class: 'dead-letter', verdict: 'WARN', hop: 'sink', detail } as const;
      findings.push(finding({ ...waiting, count: Number(held) }));
      findings.push(...(await context.content()).tables.flatMap(accountedFinding));
    }
    if (findings.length === 0) return pass('no dead letters');
    const detail = findings.map((one) => one.detail).join('; ');
    return { verdict: worst(findings.map(({ verdict }) => verdict)), detail, findings };
  },
} satisfies Check;

/** Rows that are wrong because their last record was set aside: not lost, and mended when it is applied. */
function accountedFinding(content: TableContent): Finding[] {
  const rows = accountedRows(content);
  const { comparison, table } = content;
  if (comparison === null || rows.length === 0) return [];
  const count = rows.reduce((n, row) => n + row.count, 0);
  const classes = [...new Set(rows.map((row) => row.class))].join(', ');
  const examples = rows.slice(0, EXAMPLES).map((row) => exampleOf(comparison, row));
  const detail = `${count} rows of ${table.id} (${classes}) are accounted for by dead letters`;
  const about = { check: name, class: 'dead-letter', verdict: 'WARN', hop: 'sink', detail } as const;
  return [finding({ ...about, table: table.id, count, first: examples[0] ?? null, examples })];
}

async function givenUp(context: CheckContext): Promise<bigint> {
  const sink = await context.sink();
  const table = `${ident(context.config.sink.schema)}.${ident(STATS_TABLE)}`;
  const there = await sink.one('SELECT to_regclass($1)::text AS name', [table]);
  if (there.name === null) return 0n;
  const sql = `SELECT coalesce(sum(dead_lettered), 0)::text AS n FROM ${table} WHERE topic = ANY ($1)`;
  return BigInt((await sink.one(sql, [[...(await context.topics()).values()]])).n ?? 0);
}
