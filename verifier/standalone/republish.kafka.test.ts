import { expect, inject, test } from 'vitest';
import { Bench, until } from '../../pipeline/capture/testing/lab.ts';
import { createJdbcSink } from '../../pipeline/sink/connector.ts';
import { testContext, testDatabase } from '../../pipeline/sink/testing/test-context.ts';
import { openPair } from './pair.ts';

const SCHEMAS = { 'key.converter.schemas.enable': 'true', 'value.converter.schemas.enable': 'true' };

test("the signals, run unchanged at the source, make the lab's own pipeline repair exactly the wrong rows", async () => {
  await using lab = await Bench.create(inject('sourceUrl'), inject('bootstrapServers'));
  await lab.sql.query(`CREATE TYPE mood AS ENUM ('sad', 'glad');
    CREATE TABLE item (k text, n int, v text, m mood, version bigint, PRIMARY KEY (k, n));
    INSERT INTO item SELECT 'it''s (' || i % 2, i, 'v' || i, 'glad', 1 FROM generate_series(1, 900) i;
    CREATE TABLE debezium_signal (id text PRIMARY KEY, type text, data text)`);
  await using db = await testDatabase(inject('sinkUrl'));
  await lab.start(SCHEMAS);
  await until(40_000, 'the snapshot', async () => (await lab.offset()).snapshot_completed === true);
  const sink = await createJdbcSink().start(
    { ...db.config, ...SCHEMAS, topics: `${lab.id}.public.item`, 'insert.mode': 'upsert' },
    testContext(lab.id, [inject('bootstrapServers')]),
  );
  try {
    const differing = async () => {
      const url = Object.assign(new URL(inject('sinkUrl')), { pathname: `/${db.name}` });
      const verified = await verify(lab.url.href, url.href);
      return { ...verified, wrong: verified.report.tables.map((table) => [table.missing, table.corrupted]) };
    };
    const rows = async () => (await db.rows("SELECT count(*)::int AS n FROM item WHERE v LIKE 'v%'"))[0]?.n;
    await until(40_000, 'the rows', async () => (await rows().catch(() => 0)) === 900);
    await db.client.query("DELETE FROM item WHERE n <= 600; UPDATE item SET v = 'x' WHERE n IN (700, 701)");
    const { republish, wrong } = await differing();
    expect(wrong).toEqual([[600, 2]]);
    await lab.sql.query(republish ?? '');
    await until(40_000, 'the rows again', async () => (await rows()) === 900);
    expect((await differing()).wrong).toEqual([[0, 0]]);
    const [applied] = await db.rows('SELECT sum(applied)::int AS n FROM _cdc_stats');
    // The first snapshot, and then the wrong rows only.
    expect(applied?.n).toBe(900 + 602);
  } finally {
    await sink.stop();
  }
});

async function verify(source: string, sink: string) {
  const password = (url: string) => decodeURIComponent(new URL(url).password) || undefined;
  const bare = (url: string) => Object.assign(new URL(url), { password: '' }).href;
  const pair = await openPair({
    source: bare(source),
    sink: bare(sink),
    tables: ['public.item'],
    excludeTables: [],
    map: [],
    softDelete: undefined,
    fence: 'none',
    progressSlot: undefined,
    subscription: undefined,
    deadlineMs: 30_000,
    versionColumn: 'version',
    passwords: { source: password(source), sink: password(sink) },
  });
  return await pair.verify(AbortSignal.timeout(60_000));
}
