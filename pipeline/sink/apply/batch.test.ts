import type { ClientBase, PoolClient } from 'pg';
import { describe, expect, test } from 'vitest';
import { parseSinkConfig } from '../config/sink-config.ts';
import { consumed, rawTombstone } from '../testing/event-fixture.ts';
import { testContext } from '../testing/test-context.ts';
import { type Batch, batchOf, halve } from './batch.ts';
import { Claim } from './claim.ts';
import { BatchCounts } from './counts.ts';
import { lostTooOften, OffsetStore, ZombieError } from './offset-store.ts';
import { BatchTransaction } from './transaction.ts';

const claimAt = (nextOffset: bigint): Claim => new Claim({ topic: 't', partition: 0, epoch: 3n, nextOffset });
const record = (offset: number) => consumed(rawTombstone(offset, null), offset, 't');

describe('a batch', () => {
  test('may end after its last record, for control records follow it', () => {
    expect(batchOf(claimAt(5n), [record(5), record(6)], 9n)).toMatchObject({ end: 9n, deadLettered: 0 });
  });

  test('never ends at or before its last record', () => {
    expect(() => batchOf(claimAt(5n), [record(5), record(6)], 6n)).toThrow(/before its last record 6/);
  });

  test('is halved at the offset of its middle record, and its dead letters are counted once', () => {
    const [before, after] = halve(batchOf(claimAt(0n), [record(1), record(4), record(8)], 12n, 2));
    const brief = ({ records, end, deadLettered }: Batch) => [
      records.map(({ offset }) => offset),
      end,
      deadLettered,
    ];
    expect([brief(before), brief(after)]).toEqual([
      [[1n], 4n, 2],
      [[4n, 8n], 12n, 0],
    ]);
  });
});

describe('a claim', () => {
  test('moves on and never back', () => {
    const claim = claimAt(5n);
    claim.advanceTo(7n);
    claim.advanceTo(7n);
    expect(claim.nextOffset).toBe(7n);
    expect(() => claim.advanceTo(6n)).toThrow(/t-0@7 \(epoch 3\) must not move back to 6/);
  });

  test('lets no transaction begin that would store an earlier offset', async () => {
    const config = parseSinkConfig({
      topics: 't',
      'connection.url': 'jdbc:postgresql://h/d',
      'connection.username': 'u',
    });
    const context = testContext('c', []);
    const transaction = new BatchTransaction({ config, context, offsets: new OffsetStore('c', 'me') });
    const sent: unknown[] = [];
    const client = { query: async (statement: unknown) => sent.push(statement) } as unknown as PoolClient;
    const batch = batchOf(claimAt(5n), [], 4n);
    await expect(
      transaction.commit(client, batch, { tables: new Map(), sweeps: [], poison: [] }),
    ).rejects.toThrow(/must not move back/);
    expect(sent).toEqual([]);
  });

  test('that another owner has overtaken stores nothing: its epoch is not the stored one', async () => {
    const asked: unknown[][] = [];
    const client = {
      query: async ({ values }: { values: unknown[] }) => {
        asked.push(values);
        return { rowCount: values[3] === '4' ? 1 : 0 };
      },
    } as unknown as ClientBase;
    const store = new OffsetStore('c', 'me');
    await expect(store.advance(client, claimAt(5n), 6n)).rejects.toThrow(ZombieError);
    expect(asked).toEqual([['c', 't', 0, '3', '5', '6']]);
    const owner = new Claim({ topic: 't', partition: 0, epoch: 4n, nextOffset: 5n });
    await store.advance(client, owner, 6n);
  });
});

describe('the counts of a batch', () => {
  test('add up to its events and its dead letters', () => {
    const counts = new BatchCounts();
    counts.add('public.a', { applied: 3, suppressed: 1 }, 4);
    counts.add('public.b', { applied: 0, suppressed: 0 }, 0);
    counts.addDeadLettered('lab.public.a', 2);
    expect(counts.total).toEqual({ applied: 3, suppressed: 1, deadLettered: 2 });
  });

  test('are refused if an event was counted neither as applied nor as suppressed, or twice', () => {
    const counts = new BatchCounts();
    expect(() => counts.add('public.a', { applied: 2, suppressed: 1 }, 4)).toThrow(/are not 4 events/);
    expect(() => counts.add('public.a', { applied: 2, suppressed: 3 }, 4)).toThrow(/are not 4 events/);
  });

  test('count dead letters with the topic if nothing else of the batch is left', () => {
    const stored: unknown[][] = [];
    const counts = new BatchCounts();
    counts.addDeadLettered('lab.public.a', 2);
    const client = { query: async ({ values }: { values: unknown[] }) => stored.push(values) };
    return counts
      .store(client as unknown as ClientBase, 'c', batchOf(claimAt(5n), [], 7n))
      .then(() => expect(stored).toEqual([['c', 'public.a', 't', 0, 0, 0, 2]]));
  });
});

test('a task that loses its partitions again and again ends with what else may own them', () => {
  expect(lostTooOften(new ZombieError('p.public.t', 0), 11)).toMatchObject({
    code: 'CDC-2027',
    message: expect.stringContaining('lost 11 times in a row, without one batch stored: p.public.t-0'),
    remedy: expect.stringContaining('as the same connector'),
  });
});
