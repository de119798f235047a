import { expect, test } from 'vitest';
import { connectTo } from '../../fixtures/database.ts';
import { ownPostgres } from '../../fixtures/testing/postgres-server.ts';
import { standbyOf } from '../../fixtures/testing/standby.ts';
import { makeTestFolder } from '../../fixtures/testing/test-folder.ts';
import { parseConfig } from '../config.ts';
import { loadChecks } from '../load-checks.ts';
import { databasePair } from '../testing/databases.ts';
import { verify } from '../verification/verify.ts';

const ITEMS = `CREATE TABLE items (id int PRIMARY KEY, n int); INSERT INTO items VALUES (1, 5), (2, 5)`;

async function onServer(url: string, sql: string): Promise<void> {
  await using client = await connectTo(url);
  await client.query(sql);
}

test('a hot standby as the source of a pipeline is refused at once; without a pipeline it is compared', async () => {
  await using primary = await ownPostgres();
  await onServer(primary.url, ITEMS);
  await using standby = await standbyOf(primary);
  await using pair = await databasePair();
  await pair.onSink(ITEMS);
  const verified = async (slot: string | null) => {
    const config = parseConfig(
      {
        ...{ port: 0, stateDir: makeTestFolder(), kafka: null, sink: { url: pair.sinkUrl } },
        source: { url: standby.url, slot },
      },
      'test',
    );
    const startedMs = performance.now();
    const report = await verify({ config, checks: await loadChecks(), deadlineMs: 60_000 });
    return { report, tookMs: performance.now() - startedMs };
  };
  const { report, tookMs } = await verified('shop');
  expect(report.verdict).toBe('INCONCLUSIVE');
  expect(report.checks.find(({ check }) => check === 'fence')?.detail).toContain(
    'the source is a hot standby, and how far the pipeline has to come is known at its primary alone: give the address of the primary',
  );
  expect(tookMs).toBeLessThan(20_000);

  expect((await verified(null)).report).toMatchObject({ verdict: 'PASS', tables: [{ sourceRows: 2 }] });
  await pair.onSink('UPDATE items SET n = 6 WHERE id = 2');
  expect((await verified(null)).report).toMatchObject({ verdict: 'FAIL', tables: [{ corrupted: 1 }] });
});
