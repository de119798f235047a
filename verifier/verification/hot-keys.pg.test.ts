import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { expect, test } from 'vitest';
import { makeTestFolder } from '../../fixtures/testing/test-folder.ts';
import { parseConfig } from '../config.ts';
import { loadChecks } from '../load-checks.ts';
import type { Report } from '../report.ts';
import { type DatabasePair, databasePair } from '../testing/databases.ts';
import { verify } from './verify.ts';

const ITEMS = 'CREATE TABLE items (id int PRIMARY KEY, name text, version bigint)';

/** PostgreSQL's replication carries rows 1 to 4; a trigger in the sink sabotages rows 1 and 2. */
async function replicated(pair: DatabasePair): Promise<AsyncDisposable> {
  await pair.onSource(`${ITEMS}; INSERT INTO items SELECT i, 'n', 1 FROM generate_series(1, 4) i;
    CREATE PUBLICATION p FOR TABLE items`);
  await pair.onSink(ITEMS);
  const { hostname, port, username, password, pathname } = new URL(pair.sourceUrl);
  const secret = password === '' ? '' : ` password=${password}`;
  const name = pathname.slice(1);
  const link = `host=${hostname} port=${port} user=${username}${secret} dbname=${name}`;
  await pair.onSink(`CREATE SUBSCRIPTION ${name} CONNECTION '${link}' PUBLICATION p`);
  return { [Symbol.asyncDispose]: () => pair.onSink(`DROP SUBSCRIPTION ${name}`) };
}

/** From now on, the sink garbles one hot key and ignores updates of another. */
const SABOTAGE = `
  CREATE FUNCTION sabotage() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF NEW.id = 1 THEN NEW.name := 'garbled'; END IF;
    IF NEW.id = 2 THEN RETURN NULL; END IF;
    RETURN NEW;
  END $$;
  CREATE TRIGGER sabotage BEFORE UPDATE ON items FOR EACH ROW EXECUTE FUNCTION sabotage();
  ALTER TABLE items ENABLE REPLICA TRIGGER sabotage`;

/** Updates all rows every 10 ms until it is disposed of. */
function heating(url: string): AsyncDisposable & { readonly written: () => number } {
  let [running, written] = [true, 0];
  const done = (async () => {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    for (; running; written++) {
      await client.query(`UPDATE items SET name = 'n${written}', version = version + 1`);
      await sleep(10);
    }
    await client.end();
  })();
  done.catch(() => undefined);
  return {
    written: () => written,
    [Symbol.asyncDispose]: async () => {
      running = false;
      await done;
    },
  };
}

async function report(pair: DatabasePair): Promise<Report> {
  const subscription = new URL(pair.sourceUrl).pathname.slice(1);
  const raw = {
    ...{ port: 0, stateDir: makeTestFolder(), kafka: null },
    ...{ source: { url: pair.sourceUrl, slot: subscription }, fence: 'slot' },
    sink: { url: pair.sinkUrl, subscription },
  };
  return await verify({ config: parseConfig(raw, 'test'), checks: await loadChecks(), deadlineMs: 40_000 });
}

test('among keys that are written every 10 ms, a garbled one is corrupted, one that stops changing is stale, and the others are right', async () => {
  await using pair = await databasePair();
  await using _ = await replicated(pair);
  await using writer = heating(pair.sourceUrl);
  const shown = async () =>
    (await pair.sink.one('SELECT coalesce(max(version), 0)::text AS v FROM public.items')).v;
  await expect.poll(async () => Number(await shown()), { timeout: 30_000 }).toBeGreaterThan(5);
  const healthy = await report(pair);
  expect([healthy.verdict, healthy.findings]).toEqual(['PASS', []]);
  expect(healthy.comparison).toMatchObject({ mode: 'slot', exact: true });

  await pair.onSink(SABOTAGE);
  const before = writer.written();
  await expect.poll(writer.written, { timeout: 30_000 }).toBeGreaterThan(before + 10);
  const sick = await report(pair);
  const reported = sick.findings.map(({ class: name, count, first }) => [name, count, first?.key.id]);
  expect(reported).toEqual([
    ['corrupted', 1, '1'],
    ['stale', 1, '2'],
  ]);
  expect(sick.verdict).toBe('FAIL');
});
