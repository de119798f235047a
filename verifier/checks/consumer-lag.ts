import type { Check, CheckContext, CheckResult } from '../check.ts';
import { distance, type Offsets } from '../observe/fence.ts';
import { PipelineProgress } from '../observe/pipeline-progress.ts';
import type { Finding } from '../report.ts';
import { finding } from '../report.ts';
import { worst } from '../verdict.ts';

const name = 'consumer-lag';

/** How far the sink is behind the topics, in events, in time, and against what the topics retain. */
export default {
  name,
  describe: 'The sink is neither too many events nor too long behind, and far from what the topics retain.',
  needsFence: false,
  async run(context): Promise<CheckResult> {
    const progress = context.fence.progress;
    const kafka = await context.kafka();
    if (kafka === null) return { verdict: 'PASS', detail: 'no Kafka is watched', findings: [] };
    if (progress === null)
      return { verdict: 'INCONCLUSIVE', detail: 'the lag could not be read', findings: [] };
    const behind = Math.max(progress.eventsBehindAtStart, progress.eventsBehind);
    const findings = [...(await ageFindings(context)), ...(await retentionFindings(context))];
    const { lagEvents } = context.config.thresholds;
    if (behind > lagEvents) {
      const detail = `${behind} events behind, more than ${lagEvents}`;
      findings.push(
        finding({ check: name, class: 'alert', verdict: 'WARN', hop: 'sink', count: behind, detail }),
      );
    }
    const rate = progress.rateEventsPerSecond.toFixed(0);
    const told = [`${progress.eventsBehind} events behind (${behind} at most), ${rate} applied a second`];
    return {
      verdict: worst(['PASS', ...findings.map(({ verdict }) => verdict)]),
      detail: [...told, ...findings.map(({ detail }) => detail)].join('; '),
      findings,
    };
  },
} satisfies Check;

/** Records before this time are older than the bound: where the sink has not reached them, it is too late. */
async function ageFindings(context: CheckContext): Promise<Finding[]> {
  const { lagMs } = context.config.thresholds;
  const kafka = await context.kafka();
  if (kafka === null || context.fence.tag === 'passed') return [];
  const { done } = await offsetsNow(context);
  const old = await kafka.offsetsAt([...(await context.topics()).values()], Date.now() - lagMs);
  const late = Number(distance(old, done));
  if (late === 0) return [];
  const detail = `${late} events wait for more than ${lagMs} ms`;
  return [finding({ check: name, class: 'alert', verdict: 'WARN', hop: 'sink', count: late, detail })];
}

/** What the topic has already dropped is lost; what it soon will drop is an alert. */
async function retentionFindings(context: CheckContext): Promise<Finding[]> {
  const kafka = await context.kafka();
  if (kafka === null) return [];
  const findings: Finding[] = [];
  const { done, firsts } = await offsetsNow(context);
  for (const [table, topic] of await context.topics()) {
    const own = (offsets: Offsets): Offsets =>
      new Map([...offsets].filter(([key]) => key.slice(0, key.lastIndexOf('/')) === topic && done.has(key)));
    const lost = Number(distance(own(firsts), done));
    if (lost > 0) {
      const detail = `${lost} events of ${topic} were dropped by retention before the sink had them`;
      const about = { check: name, table, hop: 'sink', count: lost, detail } as const;
      findings.push(finding({ ...about, class: 'lost-to-retention', verdict: 'FAIL' }));
    }
    if (context.fence.tag === 'passed') continue;
    const retention = (await kafka.existing([topic])).length === 0 ? null : await kafka.retentionMs(topic);
    if (retention === null) continue;
    const share = context.config.thresholds.retentionShare;
    const endangered = await kafka.offsetsAt([topic], Date.now() - retention * share);
    const near = Number(distance(own(endangered), done));
    if (near === 0) continue;
    const detail = `${near} events of ${topic} are within ${Math.round((1 - share) * 100)} % of being dropped`;
    findings.push(
      finding({ check: name, class: 'alert', verdict: 'WARN', table, hop: 'sink', count: near, detail }),
    );
  }
  return findings;
}

async function offsetsNow(context: CheckContext): Promise<{ done: Offsets; firsts: Offsets }> {
  const view = new PipelineProgress(context.config, context, async () => [
    ...(await context.topics()).values(),
  ]);
  return { done: await view.sinkOffsets(), firsts: await view.firstOffsets() };
}
