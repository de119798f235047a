import { parseConfig, type VerifierConfig } from '../../../verifier/config.ts';
import { type Explanation, explain, explanationJson } from '../../../verifier/explain/explain.ts';
import { keyArgument, NoSuchRowError } from '../../../verifier/explain/parse-key.ts';
import { readLife } from '../../../verifier/explain/read-life.ts';
import { exitCodeOf } from '../../../verifier/verdict.ts';
import { UsageError } from '../../errors.ts';
import type { Instance } from '../../lab/lab.ts';
import type { Page } from '../../terminal/page.ts';
import { paintVerdict } from '../../terminal/paint-verdict.ts';
import { visible } from '../../terminal/text-width.ts';
import { wrap } from '../../terminal/wrap.ts';
import { type CliContext, printJson } from '../context.ts';
import { faultIntervals } from '../fault-intervals.ts';
import { openInstance } from '../lab-control.ts';
import type { ExplainFlags } from '../option-table.ts';
import { pageOf } from '../page.ts';
import { deadlineMsOf } from './status.ts';

/** Prints one row's life: commits, records, what the sink made of them, faults meanwhile; exits by its verdict. */
export async function explainRow(
  context: CliContext,
  options: ExplainFlags,
  [table = '', key = '']: readonly string[],
): Promise<number> {
  const { lab, instance } = await openInstance(context, options.instance);
  const life = await readLife({
    config: instance.reach?.verifierConfig() ?? configOf(instance),
    table,
    key,
    max: options.max,
    values: options.values,
    deadlineMs: deadlineMsOf(options.deadline, instance.engines, 5_000),
    faults: faultIntervals(lab.dir, instance.name),
    signal: context.signal,
  }).catch((error: unknown) => {
    throw error instanceof NoSuchRowError ? new UsageError(error.message, error.remedy) : error;
  });
  const explanation = explain(life);
  if (context.json) printJson(context, explanationJson(explanation));
  else context.stdout.write(renderExplanation(explanation, pageOf(context)));
  return exitCodeOf(explanation.conclusion.verdict);
}

/** The same configuration as that of the instance's verifier. */
function configOf(instance: Instance): VerifierConfig {
  const { connectors, captureUrl, sinkWorkerUrl } = instance;
  return parseConfig(
    {
      port: 0,
      stateDir: instance.dir,
      source: { url: instance.sourceUrl, slot: instance.slot, publication: instance.publication },
      sink: { url: instance.sinkUrl },
      kafka: { bootstrapServers: [...instance.bootstrapServers] },
      topicPrefix: instance.topicPrefix,
      connectors: [
        { name: connectors.source, url: captureUrl, type: 'source' },
        { name: connectors.sink, url: sinkWorkerUrl, type: 'sink' },
      ],
      consumerGroup: instance.consumerGroup,
      ledger: instance.ledgerPath,
    },
    `the instance ${instance.name}`,
  );
}

const TIME_WIDTH = '00:00:00.000'.length;

/** Where less than this is left beside times and labels, notes begin below them. */
const LEAST_TEXT = 40;

/** The verdict first; then the timeline, times in UTC, and what could not be seen. */
export function renderExplanation({ life, timeline, conclusion }: Explanation, page: Page): string {
  const { paint } = page;
  const pairs = Object.entries(life.key).map(([name, value]) => [name, value ?? 'NULL'] as const);
  const verdict = paint.bold(paintVerdict(paint, conclusion.verdict));
  const lines = [
    ...wrap(`${verdict}  ${visible(conclusion.sentence)}`, page.width, '  '),
    '',
    paint.bold(visible(`${life.table} ${keyArgument(pairs)}`)),
  ];
  const labelWidth = Math.max(0, ...timeline.map(({ what }) => what.length));
  const column = TIME_WIDTH + labelWidth + 4;
  const indent = ' '.repeat(page.width - column >= LEAST_TEXT ? column : TIME_WIDTH + 2);
  let day = '';
  for (const { at, what, text, notes, kind } of timeline) {
    const date = at?.slice(0, 10) ?? day;
    if (date !== day) lines.push('', paint.dim(`${date} (UTC)`));
    day = date;
    const time = (at?.slice(11, 23) ?? '').padEnd(TIME_WIDTH);
    const label = what.padEnd(labelWidth);
    const said = kind === 'fault' ? paint.yellow(label) : label;
    const [first = '', ...rest] = wrap(visible(text), page.width - column);
    lines.push(`${paint.dim(time)}  ${said}  ${first}`, ...rest.map((line) => `${indent}${line}`));
    for (const note of notes) {
      const noteLines = wrap(visible(note), page.width - indent.length);
      lines.push(...noteLines.map((line) => `${indent}${paint.dim(line)}`));
    }
  }
  const { commits, records } = life.leftOut;
  if (commits + records > 0)
    lines.push('', `left out: ${commits} older commits, ${records} older records (--max)`);
  if (life.unseen.length > 0)
    lines.push('', ...life.unseen.flatMap((what) => wrap(`not seen: ${what}`, page.width, '  ')));
  return `${lines.join('\n')}\n`;
}
