import { parseConfig, type VerifierConfig } from '../../../verifier/config.ts';
import { type Explanation, explain, explanationJson } from '../../../verifier/explain/explain.ts';
import { NoSuchRowError } from '../../../verifier/explain/parse-key.ts';
import { readLife } from '../../../verifier/explain/read-life.ts';
import { exitCodeOf } from '../../../verifier/verdict.ts';
import { UsageError } from '../../errors.ts';
import type { Instance } from '../../lab/lab.ts';
import { type CliContext, printJson } from '../context.ts';
import { faultIntervals } from '../fault-intervals.ts';
import { openInstance } from '../lab-control.ts';
import type { ExplainFlags } from '../option-table.ts';
import { type Paint, painter, paintVerdict } from '../tables.ts';
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
  else context.stdout.write(renderExplanation(explanation, painter(context.color)));
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

/** The timeline as people read it, times in UTC; what could not be seen; the verdict as the last line. */
export function renderExplanation({ life, timeline, conclusion }: Explanation, paint: Paint): string {
  const key = Object.entries(life.key).map(([name, value]) => `${name}=${value}`);
  const lines = [paint.bold(`${life.table} ${key.join(',')}`)];
  const width = Math.max(0, ...timeline.map(({ what }) => what.length));
  const indent = ' '.repeat(TIME_WIDTH + width + 4);
  let day = '';
  for (const { at, what, text, notes, kind } of timeline) {
    const date = at?.slice(0, 10) ?? day;
    if (date !== day) lines.push('', paint.dim(`${date} (UTC)`));
    day = date;
    const time = (at?.slice(11, 23) ?? '').padEnd(TIME_WIDTH);
    const label = what.padEnd(width);
    lines.push(`${paint.dim(time)}  ${kind === 'fault' ? paint.yellow(label) : label}  ${text}`);
    for (const note of notes) lines.push(`${indent}${paint.dim(note)}`);
  }
  const { commits, records } = life.leftOut;
  if (commits + records > 0)
    lines.push('', `left out: ${commits} older commits, ${records} older records (--max)`);
  if (life.unseen.length > 0) lines.push('', ...life.unseen.map((what) => `not seen: ${what}`));
  lines.push('', `${paint.bold(paintVerdict(paint, conclusion.verdict))}  ${conclusion.sentence}`, '');
  return lines.join('\n');
}
