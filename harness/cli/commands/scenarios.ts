import { loadFault, loadScenarios } from '../../plugins/catalogue.ts';
import { isFaultStep, type PipelineVariant, type Scenario } from '../../plugins/scenario.ts';
import { describeExpected } from '../../runner/expectation.ts';
import { proseWidth } from '../../terminal/stream.ts';
import { wrap } from '../../terminal/wrap.ts';
import { type CliContext, EXIT, printJson } from '../context.ts';
import type { ScenariosFlags } from '../option-table.ts';
import { pageOf } from '../page.ts';

/** A scenario, or one of its cases, with what follows from its parts. */
interface Listed extends Scenario {
  /** What the sound pipeline must come to; what the naive one comes to, null if there is none. */
  readonly right: string;
  readonly wrong: string | null;
  /** What its faults need of the runtime, such as `kill`. */
  readonly needs: readonly string[];
}

/** Lists scenarios, each case by itself. @throws UsageError for an unknown kind. */
export async function scenarios(context: CliContext, { kind: kinds }: ScenariosFlags): Promise<number> {
  const found =
    kinds.length === 0 ? await loadScenarios() : (await Promise.all(kinds.map(loadScenarios))).flat();
  const all = await Promise.all(found.map(listed));
  if (context.json) {
    printJson(context, { schemaVersion: 1, scenarios: all });
    return EXIT.ok;
  }
  const { paint, width } = pageOf(context);
  for (const one of all) {
    const called = paint.dim(`kind: ${one.kind} · trigger: ${one.trigger ?? one.id}`);
    const lines = [
      `${paint.bold(one.id)}  ${one.title}  ${called}`,
      ...described(one, proseWidth(width)),
      '',
      '',
    ];
    context.stdout.write(lines.join('\n'));
  }
  return EXIT.ok;
}

function described({ lesson, right, wrong, needs, cites }: Listed, width: number): string[] {
  const sentence = (text: string, indent = '  '): string[] => wrap(`  ${text}`, width, indent);
  const under = (head: string, text: string): string[] => sentence(`${head.padEnd(7)}${text}`, ' '.repeat(9));
  return [
    ...sentence(lesson),
    ...under('sound:', right),
    ...under('naive:', wrong ?? '–'),
    ...(needs.length === 0 ? [] : under('needs:', needs.join(', '))),
    ...under('cites:', cites),
  ];
}

async function listed(scenario: Scenario): Promise<Listed> {
  const { sound, naive } = scenario.variants;
  const { inject, hold, settle } = scenario.steps;
  const needs = new Set<string>();
  for (const step of [...inject, ...hold, ...settle]) {
    if (!isFaultStep(step)) continue;
    for (const need of (await loadFault(step.fault)).needs) needs.add(need);
  }
  const wrong = naive === undefined ? null : comesTo(naive);
  return { ...scenario, right: comesTo(sound), wrong, needs: [...needs].sort() };
}

function comesTo({ expect, because }: PipelineVariant): string {
  const reason = describeExpected(expect);
  return `${expect.verdict}${reason === null ? '' : ` ${reason}`}, ${because}`;
}
