import type { Check } from '../check.ts';
import { worst } from '../verdict.ts';
import { countOf } from '../verification/comparison.ts';

/** Counts from the grouped scan; a difference is wrong only where no key explains it as in flight. */
export default {
  name: 'row-counts',
  describe: 'Each table has as many rows in the sink as at the source, and every table was counted.',
  needsFence: true,
  async run(context) {
    const { tables, coverage } = await context.content();
    const { unknown } = await context.catalogues();
    const blind = tables.filter(({ comparison }) => comparison === null);
    const wrong = tables.filter(
      (table) => countOf(table, 'missing') + countOf(table, 'extra') + countOf(table, 'duplicate') > 0,
    );
    const moving = tables.filter(({ comparison }) => (comparison?.inFlight.length ?? 0) > 0);
    const parts = [
      ...wrong.map(
        (t) => `${t.table.id}: ${t.comparison?.sourceRows} rows, ${t.comparison?.sinkRows} in the sink`,
      ),
      ...blind.map((t) => `${t.table.id} was not compared: ${t.problem}`),
      ...unknown.map((id) => `${id} is not in the source's catalogue`),
      ...moving.map((t) => `${t.comparison?.inFlight.length} keys of ${t.table.id} kept changing`),
    ];
    const stopped = tables.some(({ comparison }) => comparison?.stopped === 'sync-in-progress');
    return {
      verdict: worst([
        wrong.length > 0 ? 'FAIL' : 'PASS',
        coverage < 1 ? 'INCONCLUSIVE' : 'PASS',
        moving.length > 0 ? (stopped ? 'SYNC_IN_PROGRESS' : 'INCONCLUSIVE') : 'PASS',
      ]),
      detail: parts.length === 0 ? `${tables.length} tables, all of them counted` : parts.join('; '),
      findings: [],
    };
  },
} satisfies Check;
