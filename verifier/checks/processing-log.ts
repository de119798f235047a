import { type Check, type CheckResult, pass } from '../check.ts';
import type { Processed } from '../observe/sink/processed.ts';
import type { Finding } from '../report.ts';
import { finding } from '../report.ts';

const name = 'processing-log';

/**
 * The sink's own totals against the topics: every change before its offset was applied, suppressed as a repetition, or
 * set aside. One that is none of these was skipped: even where a later change of the same row hides it from every
 * comparison of rows.
 */
export default {
  name,
  describe: 'The sink has dealt with every change before its offset: applied, suppressed, or set aside.',
  needsFence: true,
  async run(context): Promise<CheckResult> {
    const log = await context.topicLog();
    if (log === null) return pass('no Kafka is watched');
    if (log.processed === null) return pass('the sink keeps no totals of what it has processed');
    if (log.problem !== '') throw new Error(log.problem);
    const findings: Finding[] = [];
    const open: string[] = [];
    let changes = 0;
    for (const own of log.processed) {
      const before = log.changesBefore(own.partition, own.nextOffset);
      if (before === null) open.push(own.partition);
      else changes += before;
      if (before !== null && accounted(own) < before) findings.push(report(own, before, await tableOf(own)));
    }
    if (findings.length > 0)
      return { verdict: 'FAIL', detail: findings.map(({ detail }) => detail).join('; '), findings };
    const left = open.length === 0 ? '' : `; not all of ${open.join(', ')} is known, so it was not counted`;
    return pass(`${changes} changes, each accounted for${left}`);

    async function tableOf({ partition }: Processed): Promise<string | null> {
      const topic = partition.slice(0, partition.lastIndexOf('/'));
      return [...(await context.topics())].find(([, known]) => known === topic)?.[0] ?? null;
    }
  },
} satisfies Check;

function accounted({ applied, suppressed, deadLettered }: Processed): number {
  return applied + suppressed + deadLettered;
}

function report(own: Processed, changes: number, table: string | null): Finding {
  const count = changes - accounted(own);
  const { partition, connector, nextOffset, applied, suppressed, deadLettered } = own;
  const detail =
    `${connector} stands at offset ${nextOffset} of ${partition} and skipped ${count} of ${changes} changes ` +
    `(${applied} applied, ${suppressed} suppressed, ${deadLettered} set aside)`;
  return finding({ check: name, class: 'skipped', verdict: 'FAIL', hop: 'sink', table, count, detail });
}
