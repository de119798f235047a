import { STATS_TABLE } from '../../pipeline/contract/sink-tables.ts';
import type { Check, CheckContext } from '../check.ts';
import { contentCheck } from '../compare-check.ts';
import { ident } from '../postgres.ts';

const rows = contentCheck('duplicates', 'duplicate', 'No row of the source is in the sink more than once.');

/** Rows that are in the sink twice; what was delivered twice and suppressed is a count, not a fault. */
export default {
  ...rows,
  async run(context) {
    const result = await rows.run(context);
    const suppressed = await suppressedCount(context);
    const told = suppressed === null ? '' : `; ${suppressed} deliveries suppressed`;
    const deliveries = { duplicatesDelivered: null, duplicatesSuppressed: suppressed };
    return { ...result, detail: `${result.detail}${told}`, deliveries };
  },
} satisfies Check;

/** Null where the sink keeps no totals: a pipeline that is not this lab's. */
async function suppressedCount(context: CheckContext): Promise<number | null> {
  const sink = await context.sink();
  const table = `${ident(context.config.sink.schema)}.${ident(STATS_TABLE)}`;
  const there = await sink.one('SELECT to_regclass($1)::text AS name', [table]);
  if (there.name === null) return null;
  const row = await sink.one(
    `SELECT coalesce(sum(suppressed), 0)::text AS n FROM ${table} WHERE topic = ANY ($1)`,
    [[...(await context.topics()).values()]],
  );
  return Number(row.n);
}
