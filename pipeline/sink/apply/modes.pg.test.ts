import { describe, expect, test } from 'vitest';
import { applyBench, del, put, TOPIC } from '../testing/apply-bench.ts';
import { rawTombstone } from '../testing/event-fixture.ts';
import { pruneBookkeeping } from './bookkeeping.ts';

const bench = applyBench();

describe('the modes of the sink', () => {
  test('the dedup table keeps one row per event, and a duplicate has no effect', async () => {
    const sink = await bench.open({
      'dedup.mode': 'table',
      'insert.mode': 'insert',
      'primary.key.mode': 'none',
      'delete.enabled': 'false',
    });
    const twice = put(1, 'a', [1, 1], 'c');
    expect(await sink.apply(twice, twice, put(2, 'b', [1, 2], 'c'))).toMatchObject({
      applied: 2,
      suppressed: 1,
    });
    expect(await sink.apply(twice)).toMatchObject({ applied: 0, suppressed: 1 });
    expect(await bench.names()).toBe('1:a 2:b');
    expect(
      await bench.db.rows('SELECT topic, partition, "offset"::int FROM _cdc_dedup ORDER BY "offset"'),
    ).toEqual([
      { topic: TOPIC, partition: 0, offset: 0 },
      { topic: TOPIC, partition: 0, offset: 2 },
    ]);
  });

  test('the dedup table keeps equal rows of a snapshot apart if they have no key', async () => {
    const sink = await bench.open({
      'dedup.mode': 'table',
      'insert.mode': 'insert',
      'primary.key.mode': 'none',
      'delete.enabled': 'false',
    });
    const row = put(1, 'a', [1, 0], 'r');
    expect(await sink.apply(row, row)).toMatchObject({ applied: 2, suppressed: 0 });
    expect(await bench.names()).toBe('1:a 1:a');
  });

  test('use.reduction.buffer=false writes every event, so that a trigger sees each of them', async () => {
    const seen = async (): Promise<unknown> => {
      const [count] = await bench.db.rows('SELECT count(*)::int AS n FROM audit');
      return count?.n;
    };
    const reducing = await bench.open();
    await reducing.apply(put(1, 'a', [1, 1]));
    await bench.db.rows(`CREATE TABLE audit (name text);
      CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN INSERT INTO audit VALUES (NEW.name); RETURN NEW; END $$;
      CREATE TRIGGER note AFTER UPDATE ON customers FOR EACH ROW EXECUTE FUNCTION note()`);
    await reducing.apply(put(1, 'b', [2, 1]), put(1, 'c', [3, 1]));
    expect(await seen()).toBe(1);
    const each = await bench.open({ 'use.reduction.buffer': 'false' });
    const outcome = await each.apply(put(1, 'd', [4, 1]), put(1, 'e', [5, 1]), put(1, 'old', [1, 1]));
    expect(outcome).toEqual({ applied: 2, suppressed: 1, deadLettered: 0 });
    expect([await bench.names(), await seen()]).toEqual(['1:e', 3]);
  });

  test('errors.log.enable names a record that cannot be applied, and its values only if asked to', async () => {
    const bad = put(7, 'hunter2\0', [1, 1]);
    const logged = async (extra: Record<string, string>): Promise<string> => {
      const sink = await bench.open(extra);
      await expect(sink.apply(bad)).rejects.toMatchObject({ code: 'CDC-2010' });
      bench.rewind();
      return sink.context.logged.filter((line) => line.startsWith('a record cannot be applied')).join();
    };
    expect(await logged({})).toBe('');
    const brief = await logged({ 'errors.log.enable': 'true' });
    expect(brief).toContain(`"topic":"${TOPIC}","partition":0,"offset":"0"`);
    expect(brief).not.toMatch(/message|hunter2/);
    const full = await logged({ 'errors.log.enable': 'true', 'errors.log.include.messages': 'true' });
    expect(full).toMatch(/"message":".*(0x00|invalid byte)/);
  });

  test('with dedup.mode=table an event that is resent under another offset has no effect on an upsert either', async () => {
    const sink = await bench.open({ 'dedup.mode': 'table' });
    await sink.apply(put(1, 'a', [1, 1]), put(1, 'b', [2, 1]), del(1, [3, 1]), rawTombstone(1, [3, 1]));
    expect(await sink.apply(put(1, 'a', [1, 1]), put(1, 'b', [2, 1]), del(1, [3, 1]))).toMatchObject({
      applied: 0,
      suppressed: 3,
    });
    expect(await bench.names()).toBe('');
    expect(
      await bench.db.rows('SELECT topic, partition, "offset"::int FROM _cdc_dedup ORDER BY "offset"'),
    ).toEqual([0, 1, 2].map((at) => ({ topic: TOPIC, partition: 0, offset: at })));
  });

  test('pruning removes dedup entries and tombstones that are older than the retention, and no others', async () => {
    const sink = await bench.open({ 'dedup.mode': 'table' });
    await sink.apply(put(1, 'a', [1, 1]), put(2, 'b', [1, 2]), del(2, [1, 3]));
    await bench.db.rows(`UPDATE _cdc_dedup SET seen_at = now() - interval '2 hours' WHERE "offset" = 0`);
    await bench.db.rows(`UPDATE _cdc_tombstones SET deleted_at = now() - interval '2 hours'`);
    await pruneBookkeeping(bench.db.client, 'another connector', 3_600_000);
    expect(await bench.db.rows('SELECT * FROM _cdc_dedup')).toHaveLength(3);
    await pruneBookkeeping(bench.db.client, 'c', 3_600_000);
    expect(await bench.db.rows('SELECT "offset"::int FROM _cdc_dedup ORDER BY 1')).toEqual([
      { offset: 1 },
      { offset: 2 },
    ]);
    expect(await bench.db.rows('SELECT * FROM _cdc_tombstones')).toEqual([]);
  });

  test('an inserting sink without a key multiplies what is delivered twice', async () => {
    const sink = await bench.open({
      'insert.mode': 'insert',
      'primary.key.mode': 'none',
      'delete.enabled': 'false',
    });
    await sink.apply(put(1, 'a', [1, 1], 'c'), put(1, 'a', [1, 1], 'c'));
    expect(await bench.names()).toBe('1:a 1:a');
  });

  test('primary.key.mode=record_value takes the key from the row', async () => {
    const sink = await bench.open({
      'primary.key.mode': 'record_value',
      'primary.key.fields': 'name',
      'delete.enabled': 'false',
    });
    await sink.apply(put(1, 'a', [1, 1]), put(2, 'a', [2, 1]));
    expect(await bench.names()).toBe('2:a');
  });
});
