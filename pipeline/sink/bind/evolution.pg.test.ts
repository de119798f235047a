import { describe, expect, test } from 'vitest';
import { applyBench, BARE, put, row } from '../testing/apply-bench.ts';
import { CUSTOMER, type EventSpec, type Fields, type RawRecord, rawEvent } from '../testing/event-fixture.ts';

const bench = applyBench();

describe('schema.evolution', () => {
  const tier: Fields = { ...CUSTOMER, tier: { type: 'string', optional: false, default: "it's standard\\" } };
  const tiered = (id: number, value: string, at: EventSpec['at']): RawRecord =>
    rawEvent({ op: 'u', id, after: { ...row(id, 'n'), tier: value }, fields: tier, at });

  test("basic: a new column gets the source's default, also in existing rows", async () => {
    const sink = await bench.open();
    await sink.apply(put(1, 'a', [1, 1]), put(2, 'b', [1, 2]), tiered(2, 'gold', [2, 1]));
    expect(await bench.db.rows('SELECT id, tier FROM customers ORDER BY id')).toEqual([
      { id: 1, tier: "it's standard\\" },
      { id: 2, tier: 'gold' },
    ]);
  });

  test('basic: a column that the source dropped accepts new rows without it', async () => {
    const sink = await bench.open();
    const required: Fields = { ...CUSTOMER, must: { type: 'string', optional: false } };
    await sink.apply(
      rawEvent({ op: 'c', id: 1, after: { ...row(1, 'a'), must: 'x' }, fields: required, at: [1, 1] }),
    );
    await sink.apply(put(2, 'b', [2, 1]));
    expect(await bench.db.rows('SELECT id, must FROM customers ORDER BY id')).toEqual([
      { id: 1, must: 'x' },
      { id: 2, must: null },
    ]);
  });

  test('none: a record that does not fit stops the task with a remedy, after the records before it are applied', async () => {
    await (await bench.open()).apply(put(1, 'a', [1, 1]));
    const sink = await bench.open({ 'schema.evolution': 'none' });
    await expect(
      sink.apply(put(1, 'b', [2, 1]), tiered(2, 'gold', [3, 1]), put(3, 'c', [4, 1])),
    ).rejects.toMatchObject({
      code: 'CDC-2010',
      message: expect.stringMatching(/@2 .*no column 'tier'.*schema.evolution=basic/),
    });
    expect([await bench.names(), await bench.nextOffset()]).toEqual(['1:b', 2]);
  });

  test('a column list silently drops the columns that it does not name', async () => {
    const sink = await bench.open({ 'field.include.list': 'id,name' });
    await sink.apply(tiered(1, 'gold', [1, 1]));
    expect(await bench.db.rows('SELECT * FROM customers')).toEqual([
      expect.not.objectContaining({ tier: 'gold' }),
    ]);
  });

  test('a table cannot be created from records without a schema, and the error names the remedy', async () => {
    const sink = await bench.open(BARE);
    const bare = rawEvent({ op: 'c', id: 1, after: row(1, 'a'), fields: null, at: [1, 1] });
    await expect(sink.apply(bare)).rejects.toThrow(/value.converter.schemas.enable=true/);
  });

  test("records without a schema go into an existing table by its columns' types", async () => {
    await bench.db.rows(`CREATE TYPE mood AS ENUM ('ok', 'bad');
      CREATE TABLE customers (id bigint PRIMARY KEY, name varchar(5), amount numeric(12,2), mood mood, tags text[],
                              at timestamp, day date, doc jsonb, raw bytea)`);
    const sink = await bench.open(BARE);
    const after = {
      ...row(7, 'x', -5),
      mood: 'bad',
      tags: ['a,"b', null],
      at: 1_700_000_000_000_001,
      day: 1,
      doc: '{"b":1}',
      raw: '/w==',
    };
    await sink.apply(rawEvent({ op: 'c', id: 7, after, fields: null, at: [1, 1] }));
    const cells = "name, amount::text, mood::text, tags, at::text, day::text, doc, encode(raw, 'hex') AS raw";
    expect(await bench.db.rows(`SELECT ${cells} FROM customers`)).toEqual([
      {
        name: 'x',
        amount: '-0.05',
        mood: 'bad',
        tags: ['a,"b', null],
        at: '2023-11-14 22:13:20.000001',
        day: '1970-01-02',
        doc: { b: 1 },
        raw: 'ff',
      },
    ]);
  });
});
