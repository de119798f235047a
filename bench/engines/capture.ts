import { withDatabase } from '../../fixtures/database.ts';
import { ConnectClient } from '../../harness/connect/connect-client.ts';
import type { SourceEngine } from '../../harness/lab/engines.ts';
import type { Instance, Lab } from '../../harness/lab/lab.ts';
import type { BenchContext } from '../lib/bench.ts';
import { BENCH_TABLE, TopicEnd, untilReached, updateEveryRow, withPipeline } from '../lib/pipeline.ts';
import { captureSpec, cpuMsOf, type Rounds } from './rounds.ts';

const STATE_WITHIN_MS = 60_000;

/** How much a round captures, and the number of rounds. */
export interface CaptureSize {
  readonly rows: number;
  readonly rounds: number;
}

/** Rate of a backlog of updates from the slot to Kafka, measured from the first new record to the last. */
export function streamRounds(
  source: SourceEngine,
  size: CaptureSize & { readonly passes: number },
  context: BenchContext,
): Promise<Rounds> {
  const events = size.rows * size.passes;
  return measured(source, size, context, events, async ({ instance, client, start }) => {
    await client.stop(instance.connectors.source);
    await client.waitForState(instance.connectors.source, 'STOPPED', { deadlineMs: STATE_WITHIN_MS });
    await updateEveryRow(instance.sourceUrl, size.passes);
    await start();
    await client.resume(instance.connectors.source);
  });
}

/** Rate of a blocking snapshot of the table, measured from the first record to the last. */
export function snapshotRounds(
  source: SourceEngine,
  size: CaptureSize,
  context: BenchContext,
): Promise<Rounds> {
  const data = JSON.stringify({ 'data-collections': [`public.${BENCH_TABLE}`], type: 'blocking' });
  return measured(source, size, context, size.rows, async ({ instance, start }) => {
    await start();
    await withDatabase(instance.sourceUrl, (database) =>
      database.query(
        `INSERT INTO public.debezium_signal (id, type, data)
         VALUES (gen_random_uuid()::text, 'execute-snapshot', $1)`,
        [data],
      ),
    );
  });
}

interface Round {
  readonly instance: Instance;
  readonly client: ConnectClient;
  /** To be called just before the measured work begins. */
  readonly start: () => Promise<void>;
}

function measured(
  source: SourceEngine,
  { rows, rounds }: CaptureSize,
  { workDir, progress }: BenchContext,
  events: number,
  work: (round: Round) => Promise<void>,
): Promise<Rounds> {
  return withPipeline(workDir, rows, captureSpec(source), async (instance, lab) => {
    await new ConnectClient({ baseUrl: instance.sinkWorkerUrl }).stop(instance.connectors.sink);
    const client = new ConnectClient({ baseUrl: instance.captureUrl });
    await using topic = await TopicEnd.open(instance);
    await untilReached(rows, () => topic.records());
    const result = { perSecond: [] as number[], cpuMicros: [] as number[] };
    for (let round = 0; round < rounds; round++) {
      const one = await oneRound({ instance, lab, topic, client }, events, work);
      result.perSecond.push(one.perSecond);
      result.cpuMicros.push(one.cpuMicros);
      progress(`${source}, round ${round + 1}: ${Math.round(one.perSecond)}/s`);
    }
    return result;
  });
}

async function oneRound(
  on: { instance: Instance; lab: Lab; topic: TopicEnd; client: ConnectClient },
  events: number,
  work: (round: Round) => Promise<void>,
): Promise<{ perSecond: number; cpuMicros: number }> {
  const { instance, lab, topic, client } = on;
  let before = 0;
  let cpuBefore = 0;
  let startedAt = 0;
  const start = async (): Promise<void> => {
    before = await topic.records();
    cpuBefore = await cpuMsOf(lab, instance.services.capture);
    startedAt = performance.now();
  };
  await work({ instance, client, start });
  await untilReached(before + 1, () => topic.records());
  let first = await topic.records();
  let firstAt = performance.now();
  // A small round is over at the first look: it counts from its start, which includes what comes before any record.
  if (first >= before + events) [first, firstAt] = [before, startedAt];
  await untilReached(before + events, () => topic.records());
  const seconds = (performance.now() - firstAt) / 1000;
  const cpuMs = (await cpuMsOf(lab, instance.services.capture)) - cpuBefore;
  return { perSecond: (before + events - first) / seconds, cpuMicros: (cpuMs * 1000) / events };
}
