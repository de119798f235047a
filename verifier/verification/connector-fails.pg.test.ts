import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import pg from 'pg';
import { expect, test } from 'vitest';
import { parseConfig } from '../config.ts';
import { loadChecks } from '../load-checks.ts';
import { databasePair } from '../testing/databases.ts';
import { verify } from './verify.ts';

test('a connector that fails while tables are compared is a FAIL, and not just a fence that is not passed', async () => {
  await using pair = await databasePair();
  await pair.onBoth(
    `CREATE TABLE items (id int PRIMARY KEY, v text); INSERT INTO items VALUES (1, 'v'), (2, 'v')`,
  );
  await pair.onSink('DELETE FROM items WHERE id = 2');
  const slot = new URL(pair.sourceUrl).pathname.slice(1);
  await pair.onSource(`SELECT pg_create_logical_replication_slot('${slot}', 'test_decoding')`);
  let state = 'RUNNING';
  const worker = createServer((_, response) => {
    response.end(JSON.stringify({ connector: { state }, tasks: [{ state }], offsets: [{ offset: {} }] }));
  });
  await new Promise<void>((resolve) => worker.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(worker.address() as AddressInfo).port}`;
  const locker = new pg.Client({ connectionString: pair.sinkUrl });
  await locker.connect();
  try {
    // When the scan of the sink waits for the lock, the first fence has been passed.
    await locker.query('BEGIN; LOCK TABLE items IN ACCESS EXCLUSIVE MODE');
    const config = parseConfig(
      {
        ...{ port: 0, stateDir: '.', kafka: null, sink: { url: pair.sinkUrl } },
        source: { url: pair.sourceUrl, slot },
        connectors: [{ name: 'capture', url, type: 'source' }],
      },
      'of the test',
    );
    const report = verify({ config, checks: await loadChecks(), deadlineMs: 20_000 });
    await expect
      .poll(
        async () => {
          if (state !== 'RUNNING') return true;
          // The slot is confirmed, as a running capture would do.
          await pair.onSource(`SELECT pg_replication_slot_advance('${slot}', pg_current_wal_insert_lsn())`);
          const waiting = await locker.query(
            `SELECT FROM pg_locks WHERE NOT granted AND relation = 'items'::regclass`,
          );
          return waiting.rows.length > 0;
        },
        { timeout: 20_000, interval: 100 },
      )
      .toBe(true);
    state = 'FAILED';
    await locker.query('ROLLBACK');
    const { verdict, findings, connectors } = await report;
    expect(verdict).toBe('FAIL');
    const failures = findings.filter((finding) => finding.verdict === 'FAIL');
    expect(failures).toMatchObject([{ check: 'connector-state', class: 'connector-failed', hop: 'capture' }]);
    expect(connectors).toMatchObject([{ name: 'capture', state: 'FAILED' }]);
  } finally {
    worker.close();
    await locker.end();
    await pair.onSource(`SELECT pg_drop_replication_slot('${slot}')`);
  }
});
