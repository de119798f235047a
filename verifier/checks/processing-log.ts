import { type Check, type CheckResult, notApplicable, pass } from '../check.ts';
import type { TopicsByTable } from '../observe/pipeline.ts';
import type { Processed } from '../observe/sink/processed.ts';
import { partsOf } from '../observe/topic/topic-reader.ts';
import { type Finding, finding } from '../report.ts';
import { countOfText, countText } from '../units.ts';
import { hasNone, isHistory } from '../verification/equal-now.ts';

const name = 'processing-log';

/**
 * Compares the sink's totals with the topics: every change before the sink's offset was applied, suppressed as a
 * repetition, or dead-lettered. Any other change was skipped, even if a later change of the same row hides that from a
 * comparison of rows. Changes that were skipped before the rows were repaired are told as history.
 */
export default {
  name,
  describe: 'The sink has applied, suppressed or dead-lettered every change before its offset.',
  needsFence: true,
  async run(context): Promise<CheckResult> {
    const { pipeline, evidence } = context;
    const log = await evidence.topicLog();
    if (log === null) return notApplicable('no Kafka is configured');
    if (log.processed === null)
      return notApplicable('the sink keeps no totals of the changes that it has processed');
    if (log.problem !== '') throw new Error(log.problem);
    const findings: Finding[] = [];
    const open: string[] = [];
    const history: string[] = [];
    let changes = 0;
    for (const own of log.processed) {
      const before = log.changesBefore(own.partition, own.nextOffset);
      const subject = `${name} ${own.connector} ${own.partition}`;
      if (before === null) {
        open.push(own.partition);
        continue;
      }
      changes += before;
      if (accounted(own) >= before) {
        hasNone(context, subject);
        continue;
      }
      const skipped = report(own, before, tableOf(own, await pipeline.topics()));
      const fault = {
        subject,
        counts: { skipped: skipped.count },
        table: skipped.table,
        handledIn: own.partition,
      };
      if (await isHistory(context, fault)) history.push(`healed: ${skipped.detail}`);
      else findings.push(skipped);
    }
    if (findings.length > 0)
      return { verdict: 'FAIL', detail: findings.map(({ detail }) => detail).join('; '), findings };
    const left =
      open.length === 0
        ? ''
        : `; ${open.join(', ')} was not counted, because not all of its records are known`;
    if (history.length > 0)
      return pass(`${history.join('; ')}; its rows are equal now, and nothing was skipped since${left}`);
    return pass(`${countOfText(changes, 'change')}, each accounted for${left}`);
  },
} satisfies Check;

/** Null for a topic of no table, or of several. */
function tableOf({ partition }: Processed, topics: TopicsByTable): string | null {
  const { topic } = partsOf(partition);
  const [table, ...others] = [...topics].filter(([, known]) => known === topic);
  return others.length > 0 ? null : (table?.[0] ?? null);
}

function accounted({ applied, suppressed, deadLettered }: Processed): number {
  return applied + suppressed + deadLettered;
}

function report(own: Processed, changes: number, table: string | null): Finding {
  const count = changes - accounted(own);
  const { partition, connector, nextOffset, applied, suppressed, deadLettered } = own;
  const detail =
    `${connector} is at offset ${nextOffset} of ${partition} and skipped ${countText(count)} of ${countText(changes)} changes ` +
    `(${countText(applied)} applied, ${countText(suppressed)} suppressed, ${countText(deadLettered)} dead-lettered)`;
  return finding({ check: name, class: 'skipped', verdict: 'FAIL', hop: 'sink', table, count, detail });
}
