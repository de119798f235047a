import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { withDatabase } from '../../fixtures/database.ts';
import type { SinkEngine, SourceEngine } from '../../harness/lab/engines.ts';
import type { BenchContext } from '../lib/bench.ts';
import { BENCH_TABLE, untilInSink, withPipeline } from '../lib/pipeline.ts';
import { pairSpec } from './rounds.ts';

/** Load and number of measurements. */
export interface LatencySize {
  readonly rows: number;
  readonly ratePerSecond: number;
  readonly probes: number;
  readonly warmUpMs: number;
}

const CONNECTIONS = 8;
const SEEN_WITHIN_MS = 60_000;

/**
 * Milliseconds from a commit at the source to the row in the sink, measured one after another under a steady load.
 */
export function latencies(
  source: SourceEngine,
  sink: SinkEngine,
  size: LatencySize,
  { workDir, progress }: BenchContext,
): Promise<{ readonly ms: number[]; readonly ratePerSecond: number }> {
  return withPipeline(workDir, size.rows, pairSpec(source, sink), async ({ sourceUrl, sinkUrl }) => {
    await using load = await startLoad(sourceUrl, size.ratePerSecond);
    await sleep(size.warmUpMs);
    await withDatabase(sinkUrl, untilInSink);
    const ms: number[] = [];
    const [begun, committed] = [performance.now(), load.committed()];
    await withDatabase(sourceUrl, (writer) =>
      withDatabase(sinkUrl, async (reader) => {
        while (ms.length < size.probes) ms.push(await probe(writer, reader));
      }),
    );
    const ratePerSecond = ((load.committed() - committed) * 1000) / (performance.now() - begun);
    progress(`${source} → ${sink}: ${ms.length} probes at ${Math.round(ratePerSecond)} tx/s`);
    return { ms, ratePerSecond };
  });
}

async function probe(writer: pg.Client, reader: pg.Client): Promise<number> {
  const id = randomUUID();
  await writer.query({
    name: 'probe',
    text: `INSERT INTO ${BENCH_TABLE} (id, email, name) VALUES ($1, 'probe@example.org', 'Probe')`,
    values: [id],
  });
  const start = performance.now();
  while (performance.now() - start < SEEN_WITHIN_MS) {
    const seen = { name: 'seen', text: `SELECT 1 FROM ${BENCH_TABLE} WHERE id = $1`, values: [id] };
    if ((await reader.query(seen)).rows.length > 0) return performance.now() - start;
    await sleep(1);
  }
  throw new Error(`a row was not in the sink after ${SEEN_WITHIN_MS} ms`);
}

/** Writes single-row updates at a steady rate, shared by several connections. */
async function startLoad(
  url: string,
  ratePerSecond: number,
): Promise<AsyncDisposable & { committed(): number }> {
  let [issued, committed, running] = [0, 0, true];
  const startedMs = performance.now();
  const write = (): Promise<void> =>
    withDatabase(url, async (client) => {
      await client.query('SET synchronous_commit = off');
      const { rows } = await client.query<{ id: string }>(`SELECT id FROM ${BENCH_TABLE} LIMIT 1000`);
      const text = `UPDATE ${BENCH_TABLE} SET version = version + 1, updated_at = now() WHERE id = $1`;
      while (running) {
        if (issued >= ((performance.now() - startedMs) / 1000) * ratePerSecond) {
          await sleep(1);
          continue;
        }
        const row = rows[issued++ % rows.length];
        await client.query({ name: 'load', text, values: [row?.id] });
        committed++;
      }
    });
  const writers = Promise.all(Array.from({ length: CONNECTIONS }, write));
  // Awaited at the end. Until then its failure must not end the process.
  writers.catch(() => undefined);
  return {
    committed: () => committed,
    [Symbol.asyncDispose]: async () => {
      running = false;
      await writers;
    },
  };
}
