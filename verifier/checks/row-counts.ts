import type { Check } from '../check.ts';
import type { VerifierConfig } from '../config.ts';
import { nearestTable, orNearest } from '../observe/misnamed.ts';
import { countText } from '../units.ts';
import { worst } from '../verdict.ts';
import { countOf } from '../verification/row-findings.ts';

const MOST_NAMES = 5;

/** Row counts from the comparison. A difference is wrong only if keys that are in flight do not explain it. */
export default {
  name: 'row-counts',
  describe: 'Every table was counted, and has as many rows in the sink as at the source.',
  needsFence: true,
  async run({ config, evidence }) {
    const { tables, coverage } = await evidence.content();
    const { unknown, source, absent, misnamed } = await evidence.catalogues();
    const blind = tables.filter(({ comparison }) => comparison === null);
    const wrong = tables.filter(
      (table) => countOf(table, 'missing') + countOf(table, 'extra') + countOf(table, 'duplicate') > 0,
    );
    const moving = tables.filter(({ comparison }) => (comparison?.inFlight.length ?? 0) > 0);
    const parts = [
      ...wrong.map(
        (t) =>
          `${t.table.id}: ${rowsText(t.comparison?.sourceRows)} rows at the source, ${rowsText(t.comparison?.sinkRows)} in the sink`,
      ),
      ...blind.map((t) => `${t.table.id} was not compared: ${t.problem}`),
      ...unknown.map((id) => `${id} is not in the source's catalogue${hint(id, [...source.keys()])}`),
      ...misnamed,
      ...absent.map(({ id }) => `${id} has no copy that could be counted`),
      ...moving.map((t) => `${rowsText(t.comparison?.inFlight.length)} keys of ${t.table.id} kept changing`),
    ];
    const scope = outOfScope(config, [...source.keys()]);
    const stopped = tables.some(({ comparison }) => comparison?.stopped === 'sync-in-progress');
    return {
      verdict: worst([
        wrong.length > 0 ? 'FAIL' : 'PASS',
        coverage < 1 || misnamed.length > 0 ? 'INCONCLUSIVE' : 'PASS',
        moving.length > 0 ? (stopped ? 'SYNC_IN_PROGRESS' : 'INCONCLUSIVE') : 'PASS',
      ]),
      detail: [
        ...(parts.length === 0 ? [`${tables.length} tables, all of them counted`] : parts),
        ...scope,
      ].join('; '),
      findings: [],
    };
  },
} satisfies Check;

/** Names the tables that a list in the configuration leaves out. */
function outOfScope({ tables, excludeTables }: VerifierConfig, known: readonly string[]): string[] {
  if (tables === null) return [];
  const left = known.filter((id) => !tables.includes(id) && !excludeTables.includes(id));
  if (left.length === 0) return [];
  const more = left.length > MOST_NAMES ? ` and ${left.length - MOST_NAMES} more` : '';
  return [`out of scope: ${left.slice(0, MOST_NAMES).join(', ')}${more}`];
}

const rowsText = (rows: number | null | undefined): string => (rows == null ? '?' : countText(rows));

function hint(id: string, known: readonly string[]): string {
  const near = nearestTable(id, known);
  return near === undefined ? '' : orNearest(near);
}
