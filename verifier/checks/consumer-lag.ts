import { type Check, type CheckContext, type CheckResult, notApplicable } from '../check.ts';
import { eachTable, type Walk } from '../observe/each-table.ts';
import { distance, type Offsets } from '../observe/offsets.ts';
import { PipelineProgress } from '../observe/pipeline-progress.ts';
import type { KafkaView } from '../observe/topic/kafka-view.ts';
import { partsOf } from '../observe/topic/topic-reader.ts';
import { type Finding, finding } from '../report.ts';
import { countText, durationText } from '../units.ts';
import { worst } from '../verdict.ts';
import { withUnread } from '../verification/unread-tables.ts';

const name = 'consumer-lag';

/** How far the sink is behind the topics: in events, in time, and relative to the topics' retention. */
export default {
  name,
  describe:
    'The sink is within its limits for lag in events and in time, and far from losing events to retention.',
  needsFence: false,
  async run(context): Promise<CheckResult> {
    const { progress } = context.pipeline.fence;
    const kafka = await context.pipeline.kafka();
    if (kafka === null) return notApplicable('no Kafka is configured');
    if (progress === null)
      return { verdict: 'INCONCLUSIVE', detail: 'the lag could not be read', findings: [] };
    const behind = Math.max(progress.eventsBehindAtStart, progress.eventsBehind);
    const retention = await retentionFindings(context, kafka);
    const findings = [...(await ageFindings(context, kafka)), ...retention.findings];
    const { lagEvents } = context.config.thresholds;
    if (behind > lagEvents) {
      const detail = `the sink is ${countText(behind)} events behind, more than the limit of ${countText(lagEvents)}`;
      findings.push(
        finding({ check: name, class: 'alert', verdict: 'WARN', hop: 'sink', count: behind, detail }),
      );
    }
    const rate = countText(Math.round(progress.rateEventsPerSecond));
    const state = `${countText(progress.eventsBehind)} events behind (at most ${countText(behind)} during the wait), ${rate} applied per second`;
    const verdict = worst(['PASS', ...findings.map((one) => one.verdict)]);
    const detail = [state, ...findings.map((one) => one.detail)].join('; ');
    return withUnread(name, { verdict, detail, findings }, retention.unread);
  },
} satisfies Check;

/** The parts of the context that the lag is computed from. */
type LagInputs = Pick<CheckContext, 'config' | 'databases' | 'pipeline'>;

interface RetentionInputs {
  readonly kafka: KafkaView;
  readonly offsets: { readonly done: Offsets; readonly firsts: Offsets };
}

/** Events older than the limit that the sink has not reached yet. */
async function ageFindings(inputs: LagInputs, kafka: KafkaView): Promise<Finding[]> {
  const { config, pipeline } = inputs;
  if (pipeline.fence.tag === 'passed') return [];
  const { lagMs } = config.thresholds;
  const { done } = await offsetsNow(inputs);
  const old = await kafka.offsetsAt([...(await pipeline.topics()).values()], Date.now() - lagMs);
  const late = Number(distance(old, done));
  if (late === 0) return [];
  const detail = `${countText(late)} events have been waiting for more than ${durationText(lagMs)}`;
  return [finding({ check: name, class: 'alert', verdict: 'WARN', hop: 'sink', count: late, detail })];
}

/** Events that a topic dropped before the sink read them are lost; events that it will drop soon are an alert. */
async function retentionFindings(
  inputs: LagInputs,
  kafka: KafkaView,
): Promise<{ readonly findings: readonly Finding[]; readonly unread: Walk<unknown>['unread'] }> {
  const offsets = await offsetsNow(inputs);
  const { answers, unread } = await eachTable(await inputs.pipeline.topics(), (topic, table) =>
    retentionOf({ topic, table }, { ...inputs, kafka, offsets }),
  );
  return { findings: [...answers.values()].flat(), unread };
}

async function retentionOf(
  { topic, table }: { readonly topic: string; readonly table: string },
  { config, pipeline, kafka, offsets: { done, firsts } }: LagInputs & RetentionInputs,
): Promise<Finding[]> {
  const findings: Finding[] = [];
  const own = (offsets: Offsets): Offsets =>
    new Map([...offsets].filter(([name]) => partsOf(name).topic === topic && done.has(name)));
  const lost = Number(distance(own(firsts), done));
  if (lost > 0) {
    const detail = `retention dropped ${countText(lost)} events of ${topic} before the sink had read them`;
    const about = { check: name, table, hop: 'sink', count: lost, detail } as const;
    findings.push(finding({ ...about, class: 'lost-to-retention', verdict: 'FAIL' }));
  }
  if (pipeline.fence.tag === 'passed') return findings;
  const retention = (await kafka.existing([topic])).length === 0 ? null : await kafka.retentionMs(topic);
  if (retention === null) return findings;
  const share = config.thresholds.retentionShare;
  const endangered = await kafka.offsetsAt([topic], Date.now() - retention * share);
  const near = Number(distance(own(endangered), done));
  if (near === 0) return findings;
  const detail = `retention will soon drop ${countText(near)} events of ${topic}: they are older than ${Math.round(share * 100)} % of its period`;
  const about = { check: name, class: 'alert', verdict: 'WARN', table, hop: 'sink' } as const;
  return [...findings, finding({ ...about, count: near, detail })];
}

async function offsetsNow({
  config,
  databases,
  pipeline,
}: LagInputs): Promise<{ done: Offsets; firsts: Offsets }> {
  const topics = async (): Promise<readonly string[]> => [...(await pipeline.topics()).values()];
  const progress = new PipelineProgress(config, { ...databases, kafka: pipeline.kafka }, topics);
  return { done: await progress.sinkOffsets(), firsts: await progress.firstOffsets() };
}
