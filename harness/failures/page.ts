import { join } from 'node:path';
import { loadRecovery, recoveryParams } from '../plugins/recovery.ts';
import {
  type PipelineVariant,
  type Scenario,
  type VariantName,
  variantOf,
  variantsOf,
} from '../plugins/scenario.ts';
import { PROJECT_DIR } from '../project.ts';
import { describeExpected } from '../runner/expectation.ts';
import { commandOf } from '../undo/perform-recovery.ts';
import { nameOf, type Seen, type SeenRun } from './seen.ts';

export const PAGE = join(PROJECT_DIR, 'docs/failures.md');

export interface FailuresPage {
  readonly text: string;
  /** Scenarios of which some variant has not been seen to run. */
  readonly unseen: readonly string[];
}

/** A scenario file: one scenario, or its cases. */
interface Row {
  readonly id: string;
  readonly kind: string;
  readonly title: string;
  readonly cases: readonly [Scenario, ...Scenario[]];
}

/** The catalogue as a page: what breaks, what one sees, how to recover. */
export async function failuresPage(scenarios: readonly Scenario[], seen: Seen): Promise<FailuresPage> {
  const kinds = [...Map.groupBy(rowsOf(scenarios), ({ kind }) => kind)];
  const sections = await Promise.all(
    kinds.map(async ([kind, own]) => {
      const texts = await Promise.all(own.map((row) => rowText(row, seen)));
      return [`## ${kind}`, '', tableOf(own), '', ...texts].join('\n');
    }),
  );
  const contents = kinds.map(
    ([kind, own]) => `- [${kind}](#${kind}): ${own.map(({ id }) => `\`${id}\``).join(', ')}`,
  );
  const isSeen = ({ id }: Scenario, variant: VariantName) => seen[nameOf(id, variant)] !== undefined;
  const unseen = scenarios.filter((one) => !variantsOf(one).every((variant) => isSeen(one, variant)));
  const text = `${[HEAD, ...contents, '', ...sections].join('\n').trimEnd()}\n`;
  return { text, unseen: unseen.map(({ id }) => id) };
}

function rowsOf(scenarios: readonly Scenario[]): Row[] {
  const files = Map.groupBy(scenarios, ({ kind, id }) => `${kind}/${fileOf(id)}`);
  return [...files.values()].flatMap(([first, ...others]) => {
    if (first === undefined) return [];
    const { id, kind, title } = first;
    const own = `: ${id.slice(fileOf(id).length + 1).replaceAll('-', ' ')}`;
    const shared = title.endsWith(own) ? title.slice(0, -own.length) : title;
    return [{ id: fileOf(id), kind, title: shared, cases: [first, ...others] }];
  });
}

const fileOf = (id: string): string => id.split('/')[0] ?? id;

function tableOf(rows: readonly Row[]): string {
  const lines = rows.map(({ id, title, cases }) => {
    const verdicts = (name: VariantName) =>
      [...new Set(cases.map(({ variants }) => expectedText(variants[name])))].join('; ');
    return `| [\`${id}\`](#${id}) | ${title} | ${verdicts('sound')} | ${verdicts('naive')} |`;
  });
  return ['| scenario | what breaks | a sound pipeline | a naive one |', '|---|---|---|---|', ...lines].join(
    '\n',
  );
}

function expectedText(variant: PipelineVariant | undefined): string {
  if (variant === undefined) return '–';
  const { expect } = variant;
  return expect.verdict === 'FAIL' ? `FAIL, ${describeExpected(expect)}` : expect.verdict;
}

async function rowText({ id, title, cases }: Row, seen: Seen): Promise<string> {
  const [first] = cases;
  const isShared = cases.every(({ lesson }) => lesson === first.lesson);
  const parts = await Promise.all(
    cases.map(async (scenario) => {
      const name = `**\`${scenario.id}\`**${isShared ? '' : `: ${scenario.lesson}`}`;
      const variants = variantsOf(scenario).map((variant) => variantText(scenario, variant, seen));
      return [...(cases.length === 1 ? [] : [name, '']), ...(await Promise.all(variants))].join('\n');
    }),
  );
  return [
    ...[`### ${id}`, '', `**${title}.** ${isShared ? first.lesson : ''}`.trimEnd(), ''],
    ...[`Seen in: ${first.cites}. Try it: \`cdc-lab run ${id}\`.`, ''],
    ...parts,
  ].join('\n');
}

async function variantText(scenario: Scenario, variant: VariantName, seen: Seen): Promise<string> {
  const own = variantOf(scenario, variant);
  const run = seen[nameOf(scenario.id, variant)];
  // One that was seen before the scenario expected something else says nothing.
  const fits = run?.verdict === own.expect.verdict ? run : undefined;
  return [
    `*${variant === 'sound' ? 'A sound pipeline' : 'A naive one'}* (${expectedText(own)}): ${own.because}.`,
    '',
    ...(fits === undefined ? ['Output: not generated yet.', ''] : block(seenLines(fits))),
    ...(await recoveryText(own, fits)),
  ].join('\n');
}

function seenLines({ text, error }: SeenRun): string[] {
  return [text, ...(error === null ? [] : [`    ${error}`])];
}

async function recoveryText(
  { expect, recover = [] }: PipelineVariant,
  run: SeenRun | undefined,
): Promise<string[]> {
  if (expect.verdict !== 'FAIL') return [];
  if (recover.length === 0) return ['How to recover: the scenario declares no commands yet.', ''];
  const commands = await Promise.all(
    recover.map(async ({ action, with: given = {} }) => {
      const recovery = await loadRecovery(action);
      return commandOf({ name: action, recovery, params: recoveryParams(recovery, action, given) }, 'lab');
    }),
  );
  const lines = commands.flatMap((command, i) => {
    const done = run?.recovery[i];
    return [`$ bin/${command}`, ...(done?.command === command ? [`✔ ${done.said}`] : [])];
  });
  const then = run?.recovered == null ? 'Then `cdc-lab status` must say PASS.' : `Then: ${run.recovered}.`;
  return ['How to recover:', '', ...block(lines, 'console'), then, ''];
}

function block(lines: readonly string[], language = 'text'): string[] {
  return [`\`\`\`${language}`, ...lines, '```', ''];
}

const HEAD = `# The failures, one by one

Generated by \`npm run failures\`: do not edit. For each scenario of the catalogue: what breaks, what a sound and a naive pipeline make of
it, what one sees, and the commands that bring it back. Sentences and commands are those of the scenario files; the output was printed
by runs on this repository's engines, and its figures are those of one run. [recovery.md](recovery.md) says what each command does
and loses, [engines.md](engines.md) what Debezium and its JDBC sink make of the same failures.

To break a pipeline and repair it by hand: \`cdc-lab run restart --variant naive --keep\`, then the commands with the \`--instance\` that
it prints.
`;
