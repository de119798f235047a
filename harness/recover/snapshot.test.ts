import { describe, expect, it } from 'vitest';
import type { RecoveryContext } from '../plugins/recovery.ts';
import snapshot from './snapshot.ts';
import { contextOf, FakeConnect } from './testing/fake-connect.ts';

/** A pipeline whose source has two tables with seven rows each; a signal makes the capture publish `sent` records of one. */
async function pipeline(sent = 7): Promise<{
  context: RecoveryContext;
  signals: unknown[];
  connect: FakeConnect;
}> {
  const connect = await FakeConnect.start();
  connect.config = {
    'signal.data.collection': 'public.debezium_signal',
    'insert.mode': 'upsert',
    'delete.enabled': 'true',
  };
  const signals: unknown[] = [];
  const ends = new Map([
    ['lab.public.customers', 10n],
    ['lab.public.orders', 50n],
  ]);
  const context = await contextOf(connect, async (_, sql, params) => {
    if (sql.includes('pg_publication_tables'))
      return ['customers', 'orders'].map((tablename) => ({ schemaname: 'public', tablename }));
    if (sql.startsWith('INSERT')) {
      signals.push(params?.[2]);
      ends.set('lab.public.customers', 10n + BigInt(sent));
      // The application writes meanwhile.
      ends.set('lab.public.orders', 90n);
    }
    if (sql.includes('confirmed_flush_lsn')) return [{ is: true }];
    return [{ n: 7, lsn: '0/1' }];
  });
  context.access.endOffsets = async () => new Map(ends);
  return { context, signals, connect };
}

const of = (tables: string[], where?: string, sweep = false) => ({ tables, where, blocking: false, sweep });

describe('a snapshot', () => {
  it('of a table that is named twice sends it once', async () => {
    const { context, signals } = await pipeline();
    const given = of(['customers', 'public.customers']);
    expect((await snapshot.plan(context, given)).does).toEqual([
      'sends 7 rows of public.customers again, in chunks, beside the stream',
    ]);
    await snapshot.run(context, given);
    expect(signals).toEqual([expect.stringContaining('"data-collections":["public.customers"]')]);
  });

  it('counts the records of its own tables', async () => {
    const { context } = await pipeline();
    expect(await snapshot.run(context, of(['customers']))).toMatchObject({ evidence: { recordsAdded: 7 } });
  });

  it('that brought no record of them is an error, whatever came of other tables', async () => {
    const { context } = await pipeline(0);
    await expect(snapshot.run(context, of(['customers']))).rejects.toMatchObject({ code: 'CDC-5504' });
  });

  it('that sweeps deletes what the sink has too much, says so before, and waits for it', async () => {
    const { context, signals } = await pipeline();
    const query = context.access.query;
    context.access.query = async (side, sql, given) => {
      if (!sql.includes('_cdc_sweeps')) return query(side, sql, given);
      return [{ topic: 'lab.public.customers', deleted: 3, refused: null }];
    };
    const given = of(['customers'], undefined, true);
    const plan = await snapshot.plan(context, given);
    expect(plan.does[1]).toContain('public.customers: 7 rows in the sink, 7 at the source');
    expect(plan.loses).toContain('are deleted');
    expect(await snapshot.run(context, given)).toMatchObject({ evidence: { deleted: 3 } });
    expect(signals).toEqual([expect.stringContaining('"sweep":true')]);
  });

  it('that sweeps is refused with a condition, and for a sink that does not delete', async () => {
    const { context, connect } = await pipeline();
    const sweeping = of(['customers'], 'id = 1', true);
    await expect(snapshot.plan(context, sweeping)).rejects.toThrow('cannot be combined');
    connect.config = { ...connect.config, 'delete.enabled': 'false' };
    await expect(snapshot.plan(context, of(['customers'], undefined, true))).rejects.toThrow('cannot sweep');
  });

  it('refuses a condition that the capture cannot read, because it names a table without its schema', async () => {
    const { context, signals } = await pipeline();
    context.access.transaction = async (_, [, , sql = '']) => {
      if (sql.includes('FROM vip')) throw new Error('relation "vip" does not exist');
      return { xid: null, rows: [] };
    };
    for (const act of ['plan', 'run'] as const)
      await expect(snapshot[act](context, of(['customers'], 'id IN (SELECT id FROM vip)'))).rejects.toThrow(
        'relation "vip" does not exist',
      );
    expect(signals).toEqual([]);
    await snapshot.plan(context, of(['customers'], 'id IN (SELECT id FROM public.vip)'));
  });

  it.each([
    ['id = 1 -- mine', 'it holds a comment'],
    ['id = 1 /* mine */', 'it holds a comment'],
    ['id = 1) OR (true', 'its brackets do not match'],
    ['id = 1; SELECT 1', 'it holds a semicolon'],
  ])('refuses the condition %s, as the capture would', async (where, why) => {
    const { context, signals } = await pipeline();
    for (const act of ['plan', 'run'] as const)
      await expect(snapshot[act](context, of(['customers'], where))).rejects.toThrow(why);
    expect(signals).toEqual([]);
  });
});
