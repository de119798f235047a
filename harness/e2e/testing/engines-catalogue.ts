import { type EnginePair, pairText } from '../../lab/engines.ts';
import { loadScenarios } from '../../plugins/catalogue.ts';
import { forEngines, notRun } from '../../plugins/for-engines.ts';
import { type Scenario, variantOf, variantsOf } from '../../plugins/scenario.ts';
import { findRow, type SeenRow } from './engines-rows.ts';

/** The pair on which the whole catalogue is run: what most people have. */
export const DEBEZIUM: EnginePair = { source: 'debezium', sink: 'jdbc' };
/** Folders of `scenarios/` that are run on it, besides the lessons, which run on every pair. */
export const KINDS: readonly string[] = ['position', 'rows'];

/** The scenarios and cases of those folders, in the order of the page. */
export async function catalogueOf(kinds: readonly string[] = KINDS): Promise<Scenario[]> {
  const scenarios = await Promise.all(kinds.map((kind) => loadScenarios(kind)));
  return scenarios.flat();
}

interface Standing {
  readonly scenario: Scenario;
  readonly row: SeenRow | undefined;
  /** Why it is not run, as the scenario says; undefined: it says nothing; null: it is run. */
  readonly why: string | null | undefined;
}

function standings(scenarios: readonly Scenario[], rows: readonly SeenRow[]): Standing[] {
  return scenarios.map((scenario) => ({
    scenario,
    row: findRow(rows, scenario.id, 'sound', DEBEZIUM),
    why: isDeclared(scenario) ? notRun(scenario, 'sound', DEBEZIUM) : undefined,
  }));
}

const isDeclared = ({ variants }: Scenario): boolean =>
  variants.sound.engines?.['debezium+jdbc'] !== undefined;

/** How many scenarios and cases run on Debezium and its JDBC sink, and what they earn: a table. */
export async function totals(rows: readonly SeenRow[]): Promise<string> {
  const kinds = ['lessons', ...KINDS];
  const counts = await Promise.all(
    kinds.map(async (kind) => countsOf(standings(await catalogueOf([kind]), rows))),
  );
  const [first = []] = counts;
  const sums = first.map((_, i) => counts.reduce((sum, own) => sum + (own[i] ?? 0), 0));
  const lines = kinds.map((kind, i) => `| \`scenarios/${kind}/\` | ${counts[i]?.join(' | ')} |`);
  return [
    `The sound pipelines of the catalogue on ${pairText(DEBEZIUM)}; each case of a scenario is a row:`,
    '',
    '| | rows | run | PASS | earn a FAIL | cannot be run | to be run |',
    '|---|---|---|---|---|---|---|',
    ...lines,
    `| together | ${sums.join(' | ')} |`,
    '',
  ].join('\n');
}

function countsOf(all: readonly Standing[]): number[] {
  const verdicts = all.flatMap(({ row }) => row?.verdict ?? []);
  const count = (verdict: string) => verdicts.filter((one) => one === verdict).length;
  const cannot = all.filter(({ why, row }) => row === undefined && typeof why === 'string').length;
  const left = all.length - verdicts.length - cannot;
  return [all.length, verdicts.length, count('PASS') + count('WARN'), count('FAIL'), cannot, left];
}

/** What Debezium and its JDBC sink make of each scenario of a folder, and why. */
export async function kindTable(kind: string, rows: readonly SeenRow[]): Promise<string> {
  const lines = standings(await catalogueOf([kind]), rows).map(({ scenario, row, why }) => {
    const { because } = variantOf(forEngines(scenario, DEBEZIUM), 'sound');
    const left = typeof why === 'string' ? 'not run' : 'to be run';
    const reason = why === undefined ? '' : (why ?? because);
    const cells = [`\`${scenario.id}\``, row?.text ?? left, reason, row?.seen ?? '', scenario.cites];
    return `| ${cells.map((text) => text.replaceAll('|', '\\|')).join(' | ')} |`;
  });
  return [
    `## ${kind}/ on ${pairText(DEBEZIUM)}`,
    '',
    '| scenario | verdict | because | seen | the failure in public |',
    '|---|---|---|---|---|',
    ...lines,
    '',
    ...(await naiveNote(kind)),
  ].join('\n');
}

/** The naive pipelines are mistakes in our stages or in the textbook capture, and so not in these engines. */
async function naiveNote(kind: string): Promise<string[]> {
  const naive = (await catalogueOf([kind])).filter((one) => variantsOf(one).includes('naive'));
  const run = naive.filter((one) => notRun(one, 'naive', DEBEZIUM) === null);
  if (run.length > 0 || naive.length === 0) return [];
  return [
    'The naive pipelines of these scenarios are not run: their mistakes are planted in our stages, or are those of the textbook',
    'capture, which takes the place of the source connector.',
    '',
  ];
}
