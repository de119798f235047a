import { join } from 'node:path';
import type pg from 'pg';
import { withDatabase } from '../../fixtures/database.ts';
import { untilReady } from '../../fixtures/testing/create-topic.ts';
import { OWN_ENGINES } from '../../harness/lab/engines.ts';
import type { Instance, InstanceSpec, Lab } from '../../harness/lab/lab.ts';
import { labControl } from '../../harness/lab/process/process-control.ts';
import { quietKafka } from '../../verifier/connection/quiet-kafka.ts';

/** `customers` has seven columns: a uuid, three texts, two timestamps and a bigint. */
export const BENCH_TABLE = 'customers';

/** Starts a lab with one pipeline, whose table then has exactly `rows` rows. Everything is removed afterwards. */
export async function withPipeline<T>(
  workDir: string,
  rows: number,
  spec: Pick<InstanceSpec, 'source' | 'sink' | 'engines' | 'connect' | 'sinkWorkers'>,
  measure: (instance: Instance, lab: Lab) => Promise<T>,
): Promise<T> {
  const dir = join(workDir, 'lab');
  try {
    const { engines = OWN_ENGINES } = spec;
    const up = { dir, rate: 0, seed: 1, withInstance: false, engines, progress: () => {} };
    const lab = await labControl.up(up);
    await using instance = await lab.createInstance({
      name: 'bench',
      ...spec,
      verifyEveryMs: null,
      seedRows: 10,
      seed: 1,
    });
    await withDatabase(instance.sourceUrl, (client) =>
      client.query(
        `INSERT INTO ${BENCH_TABLE} (id, email, name, status, created_at, updated_at, version)
         SELECT gen_random_uuid(), 'customer-' || n || '@example.org', 'Customer ' || n, 'active', now(), now(), 1
           FROM generate_series(1, $1::int - (SELECT count(*)::int FROM ${BENCH_TABLE})) n`,
        [rows],
      ),
    );
    return await measure(instance, lab);
  } finally {
    await labControl.clean(dir);
  }
}

/**
 * Updates every row `passes` times, a thousand rows per transaction. Larger transactions would measure PostgreSQL:
 * the slot sends nothing while its reorder buffer collects a transaction, and one of 100,000 rows takes it as long as
 * its events take the capture.
 */
export async function updateEveryRow(url: string, passes: number): Promise<void> {
  await withDatabase(url, async (client) => {
    for (let pass = 0; pass < passes; pass++) {
      await client.query(`
        DO $$
        DECLARE part uuid[];
        BEGIN
          FOR part IN SELECT array_agg(id) FROM (SELECT id, row_number() OVER () AS n FROM ${BENCH_TABLE}) rows
                      GROUP BY n / 1000 LOOP
            UPDATE ${BENCH_TABLE} SET version = version + 1, updated_at = now() WHERE id = ANY (part);
            COMMIT;
          END LOOP;
        END $$`);
    }
  });
}

/** Watches the topic of {@link BENCH_TABLE}. */
export class TopicEnd implements AsyncDisposable {
  readonly #admin;
  readonly #topic: string;

  private constructor(instance: Instance) {
    const kafka = quietKafka({ brokers: [...instance.bootstrapServers] });
    this.#admin = kafka.admin();
    this.#topic = `${instance.topicPrefix}.public.${BENCH_TABLE}`;
  }
  static async open(instance: Instance): Promise<TopicEnd> {
    const end = new TopicEnd(instance);
    await end.#admin.connect();
    return end;
  }
  /** Records in the topic: the sum of its partitions' end offsets, because nothing is deleted. */
  async records(): Promise<number> {
    // A new partition has no leader for a moment.
    const partitions = await untilReady(() => this.#admin.fetchTopicOffsets(this.#topic));
    return partitions.reduce((sum, { high }) => sum + Number(high), 0);
  }
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#admin.disconnect();
  }
}

/** Waits for the sink's table. The sink creates it at its first event (`schema.evolution=basic`). */
export async function untilInSink(sink: pg.Client): Promise<void> {
  await untilReached(1, async () => {
    const { rows } = await sink.query<{ there: boolean }>('SELECT to_regclass($1) IS NOT NULL AS there', [
      BENCH_TABLE,
    ]);
    return rows[0]?.there ? 1 : 0;
  });
}

/** Polls until `count` reaches `goal`. @returns the milliseconds that it took. @throws Error after 300 s. */
export async function untilReached(goal: number, count: () => Promise<number>): Promise<number> {
  const start = performance.now();
  const deadline = start + 300_000;
  while (performance.now() < deadline) {
    if ((await count()) >= goal) return performance.now() - start;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`waited 300 s for ${goal}, and the count is ${await count()}`);
}
