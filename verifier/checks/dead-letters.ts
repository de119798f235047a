import { STATS_TABLE } from '../../pipeline/contract/sink-tables.ts';
import { type Check, type CheckContext, type CheckResult, finding, pass } from '../check.ts';
import { deadLetterTopic } from '../observe/connect.ts';
import { ident } from '../postgres.ts';

const name = 'dead-letters';

/** Records that could not be applied: in the dead-letter topic they wait for a person; elsewhere they are lost. */
export default {
  name,
  describe: 'Every record that the sink gave up on is in a dead-letter topic.',
  needsFence: true,
  async run(context): Promise<CheckResult> {
    const topics = new Set(context.config.deadLetterTopics);
    for (const connector of context.config.connectors.filter(({ type }) => type === 'sink')) {
      const topic = await deadLetterTopic(connector);
      if (topic !== undefined && topic !== '') topics.add(topic);
    }
    const kafka = await context.kafka();
    const offsets = kafka === null ? null : await kafka.offsets([...topics]);
    let written = 0n;
    let held = 0n;
    for (const [partition, end] of offsets?.ends ?? []) {
      written += end;
      held += end - (offsets?.firsts.get(partition) ?? 0n);
    }
    const given = await givenUp(context);
    if (given > written) {
      const detail = `the sink gave up on ${given} records, ${written} of them reached a dead-letter topic`;
      const count = Number(given - written);
      const lost = finding({
        check: name,
        class: 'dead-letter',
        verdict: 'FAIL',
        hop: 'sink',
        count,
        detail,
      });
      return { verdict: 'FAIL', detail, findings: [lost] };
    }
    if (held === 0n) return pass('no dead letters');
    const detail = `${held} dead letters wait in ${[...topics].join(', ')}`;
    const waiting = { check: name, class: 'dead-letter', verdict: 'WARN', hop: 'sink', detail } as const;
    return { verdict: 'WARN', detail, findings: [finding({ ...waiting, count: Number(held) })] };
  },
} satisfies Check;

async function givenUp(context: CheckContext): Promise<bigint> {
  const sink = await context.sink();
  const table = `${ident(context.config.sink.schema)}.${ident(STATS_TABLE)}`;
  const there = await sink.one('SELECT to_regclass($1)::text AS name', [table]);
  if (there.name === null) return 0n;
  const sql = `SELECT coalesce(sum(dead_lettered), 0)::text AS n FROM ${table} WHERE topic = ANY ($1)`;
  return BigInt((await sink.one(sql, [[...(await context.topics()).values()]])).n ?? 0);
}
