import { loadScenarios } from '../../plugins/catalogue.ts';
import { describeExpected } from '../../runner/expectation.ts';
import { proseWidth } from '../../terminal/stream.ts';
import { wrap } from '../../terminal/wrap.ts';
import { type CliContext, EXIT, printJson } from '../context.ts';
import { pageOf } from '../page.ts';

export async function scenarios(context: CliContext): Promise<number> {
  const all = await loadScenarios();
  if (context.json) {
    printJson(context, { schemaVersion: 1, scenarios: all });
    return EXIT.ok;
  }
  const { paint, width: own } = pageOf(context);
  const width = proseWidth(own);
  const sentence = (text: string, indent = '  '): string[] => wrap(`  ${text}`, width, indent);
  for (const scenario of all) {
    const { sound, naive } = scenario.variants;
    context.stdout.write(
      [
        `${paint.bold(scenario.id)}  ${scenario.title}  ${paint.dim(`trigger: ${scenario.trigger ?? scenario.id}`)}`,
        ...sentence(scenario.lesson),
        ...sentence(`sound: ${sound.expect.verdict}, ${sound.because}`, '         '),
        ...sentence(
          `naive: ${naive.expect.verdict} ${describeExpected(naive.expect) ?? ''}, ${naive.because}`,
          '         ',
        ),
        '',
        '',
      ].join('\n'),
    );
  }
  return EXIT.ok;
}
