import { loadScenarios } from '../../plugins/catalogue.ts';
import { describeExpected } from '../../runner/expectation.ts';
import { wrap } from '../../wrap.ts';
import { type CliContext, EXIT, printJson } from '../context.ts';
import { painter } from '../tables.ts';
import { widthOf } from '../text-width.ts';

export async function scenarios(context: CliContext): Promise<number> {
  const all = await loadScenarios();
  if (context.json) {
    printJson(context, { schemaVersion: 1, scenarios: all });
    return EXIT.ok;
  }
  const paint = painter(context.color);
  for (const scenario of all) {
    const { sound, naive } = scenario.variants;
    context.stdout.write(
      [
        `${paint.bold(scenario.id)}  ${scenario.title}  ${paint.dim(`trigger: ${scenario.trigger ?? scenario.id}`)}`,
        ...wrap(scenario.lesson, widthOf(context) - 2).map((line) => `  ${line}`),
        `  sound: ${sound.expect.verdict}, ${sound.because}`,
        `  naive: ${naive.expect.verdict} ${describeExpected(naive.expect) ?? ''}, ${naive.because}`,
        '',
        '',
      ].join('\n'),
    );
  }
  return EXIT.ok;
}
