import type pg from 'pg';
import { withDatabase } from '../../fixtures/database.ts';
import type { Access } from '../../harness/access/access.ts';
import type { Instance } from '../../harness/lab/lab.ts';
import { OFFSETS_TABLE } from '../../pipeline/contract/sink-tables.ts';
import { BENCH_TABLE, type TopicEnd, untilReached } from './pipeline.ts';

/** A round of updates: the pipeline, and the size. */
export interface SinkRounds {
  readonly instance: Instance;
  readonly access: Access;
  readonly topic: TopicEnd;
  /** Connected to the sink. */
  readonly client: pg.Client;
  readonly rows: number;
  /** Updates of each row in a round. */
  readonly passes: number;
  /** Events that are applied before the clock starts, so that cold code and first fetches do not count. */
  readonly warmUp: number;
}

/** Events of the table that the sink has committed. */
export async function applied(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ n: string | null }>(
    `SELECT sum(next_offset) AS n FROM ${OFFSETS_TABLE} WHERE topic LIKE '%.${BENCH_TABLE}'`,
  );
  return Number(rows[0]?.n ?? 0);
}

/**
 * Fills the topic while the sink is paused, then measures the resumed sink.
 * @param atStart Called when the clock starts.
 */
export async function applyRound(
  { instance, access, topic, client, rows, passes, warmUp }: SinkRounds,
  atStart: () => Promise<void> = async () => undefined,
): Promise<{ readonly events: number; readonly ms: number }> {
  await access.pauseConnector('sink');
  const before = await topic.records();
  await withDatabase(instance.sourceUrl, async (writer) => {
    for (let pass = 0; pass < passes; pass++) {
      await writer.query(`UPDATE ${BENCH_TABLE} SET version = version + 1, updated_at = now()`);
    }
  });
  const goal = before + rows * passes;
  await untilReached(goal, () => topic.records());
  await access.resumeConnector('sink');
  await untilReached((await applied(client)) + warmUp, () => applied(client));
  await atStart();
  const start = await applied(client);
  const ms = await untilReached(goal, () => applied(client));
  return { events: goal - start, ms };
}
