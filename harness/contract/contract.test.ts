import { describe, expect, it } from 'vitest';
import type { Clause } from '../plugins/clause.ts';
import type { StopSeen } from '../plugins/ends.ts';
import { FakeWorld } from '../runner/testing/fake-lab.ts';
import { comparesRows, judgeClause, type Seen } from './contract.ts';
import type { Sampled } from './sampler.ts';

const why = 'it is promised';
const MIB = 1024 * 1024;

async function seen(
  over: Partial<Seen> & { samples?: Record<string, Sampled>; n?: number } = {},
): Promise<Seen> {
  const { samples = {}, n = 7, ...own } = over;
  const world = new FakeWorld();
  const access = {
    ...(await world.access()),
    query: async (_: string, sql: string) =>
      sql.includes('pg_publication_tables') ? [{ schemaname: 'public', tablename: 'orders' }] : [{ n }],
  };
  return {
    access,
    instance: world.instance('i', '/tmp'),
    tunables: { rows: 20, seconds: 0 },
    baseline: null,
    sampled: { of: (name) => samples[name] },
    stops: [],
    writes: { committed: 10, failed: 0, unknown: 0 },
    signal: new AbortController().signal,
    ...own,
  };
}

const sampled = (first: number, most: number): Sampled => ({ first, most, last: first, samples: 5 });

describe('same-rows', () => {
  const clause: Clause = { kind: 'same-rows', why };
  it('holds for equal counts; more rows are duplicates, fewer are missing', async () => {
    const before = { 'public.orders': 7 };
    expect(await judgeClause(clause, await seen({ baseline: before }))).toMatchObject({ holds: true });
    const more = await judgeClause(clause, await seen({ baseline: before, n: 14 }));
    expect(more.finding).toMatchObject({ class: 'duplicate', hop: 'sink', table: 'public.orders', count: 7 });
    const fewer = await judgeClause(clause, await seen({ baseline: before, n: 5 }));
    expect(fewer.finding).toMatchObject({ class: 'missing', hop: 'sink', count: 2 });
    expect(fewer.finding?.detail).toContain(why);
  });
  it('is not judged without a baseline', async () => {
    expect((await judgeClause(clause, await seen())).holds).toBeNull();
  });
});

describe('sink-count', () => {
  const breaks = { class: 'corrupted', hop: 'sink' } as const;
  it('holds if the query counts enough; else it is what the clause says', async () => {
    const clause: Clause = { kind: 'sink-count', sql: 'SELECT', atLeast: 7, breaks, why };
    expect((await judgeClause(clause, await seen())).holds).toBe(true);
    const byRows: Clause = { ...clause, atLeast: 'rows' };
    expect(await judgeClause(byRows, await seen())).toMatchObject({
      holds: false,
      finding: { ...breaks, count: 13, verdict: 'FAIL', check: 'contract' },
    });
  });
});

describe('wal-retained', () => {
  const clause: Clause = { kind: 'wal-retained', atMostBytes: 16 * MIB, why };
  it('holds up to the bound; above it the finding has the figure', async () => {
    const within = await seen({ samples: { wal: sampled(1, 16 * MIB) } });
    expect(await judgeClause(clause, within)).toMatchObject({ holds: true, detail: { bytes: 16 * MIB } });
    const above = await judgeClause(clause, await seen({ samples: { wal: sampled(1, 40 * MIB) } }));
    expect(above.finding).toMatchObject({ class: 'bound-exceeded', hop: 'capture', count: 40 * MIB });
    expect(above.finding?.detail).toContain('kept 40 MiB of WAL for the slot, and 16 MiB were allowed');
  });
  it('is not judged if it was never seen', async () => {
    expect((await judgeClause(clause, await seen())).holds).toBeNull();
  });
});

describe('rss-growth', () => {
  it('is the most over the steady state, of the half that is named', async () => {
    const clause: Clause = { kind: 'rss-growth', of: 'sink', atMostBytes: 64 * MIB, why };
    const small = await seen({ samples: { 'rss-sink': sampled(100 * MIB, 164 * MIB) } });
    expect(await judgeClause(clause, small)).toMatchObject({ holds: true, detail: { bytes: 64 * MIB } });
    const large = await seen({ samples: { 'rss-sink': sampled(100 * MIB, 200 * MIB) } });
    expect((await judgeClause(clause, large)).finding).toMatchObject({
      class: 'bound-exceeded',
      hop: 'sink',
      count: 100 * MIB,
    });
    const other = await seen({ samples: { 'rss-capture': sampled(1, 2) } });
    expect((await judgeClause(clause, other)).holds).toBeNull();
  });
});

describe('snapshot-rate', () => {
  const clause: Clause = { kind: 'snapshot-rate', atMostRowsPerSecond: 1_000, why };
  const fastest = async (rowsPerSecond: number | undefined) => {
    const given = await seen();
    const rate = rowsPerSecond === undefined ? undefined : { rows: 4_000, durationMs: 2_000, rowsPerSecond };
    return judgeClause(clause, { ...given, access: { ...given.access, fastestSnapshot: async () => rate } });
  };
  it('holds up to the bound and 5 %; above it the finding has the figure', async () => {
    expect(await fastest(1_050)).toMatchObject({
      holds: true,
      detail: { rowsPerSecond: 1_050, rows: 4_000 },
    });
    const { finding } = await fastest(2_000);
    expect(finding).toMatchObject({ class: 'bound-exceeded', hop: 'capture', count: 2_000 });
    expect(finding?.detail).toContain('4,000 rows in 2 s, 2000 rows/s, and 1000 rows/s were allowed');
  });
  it('is not judged if there was no snapshot', async () => {
    expect((await fastest(undefined)).holds).toBeNull();
  });
});

describe('writer-ok', () => {
  const clause: Clause = { kind: 'writer-ok', why };
  it('holds if no transaction failed; else it counts them, with the first reason', async () => {
    expect((await judgeClause(clause, await seen())).holds).toBe(true);
    const writes = { committed: 10, failed: 3, unknown: 1, firstError: 'cannot update table "orders"' };
    const harmed = await judgeClause(clause, await seen({ writes }));
    expect(harmed.finding).toMatchObject({ class: 'writer-harmed', hop: 'source', count: 3 });
    expect(harmed.finding?.detail).toContain(
      '3 transactions of the application failed, the first because cannot',
    );
  });
  it('is not judged if nobody wrote', async () => {
    const writes = { committed: 0, failed: 0, unknown: 0 };
    expect((await judgeClause(clause, await seen({ writes }))).holds).toBeNull();
  });
});

describe('stops-within', () => {
  const clause: Clause = { kind: 'stops-within', connector: 'capture', withinMs: 1_000, why };
  const stop: StopSeen = {
    ...{
      connector: 'capture',
      stopped: true,
      afterMs: 900,
      withinMs: 5_000,
      state: 'RUNNING, task 0 FAILED',
    },
    ...{ code: 'CDC-1107', trace: 'CDC-1107: …' },
  };
  it('holds in time; a late stop is bound-exceeded; one that never came is not judged twice', async () => {
    expect(await judgeClause(clause, await seen({ stops: [stop] }))).toMatchObject({
      holds: true,
      detail: { afterMs: 900, code: 'CDC-1107' },
    });
    const late = await judgeClause(clause, await seen({ stops: [{ ...stop, afterMs: 2_000 }] }));
    expect(late.finding).toMatchObject({ class: 'bound-exceeded', hop: 'capture', count: 2_000 });
    const never = await judgeClause(clause, await seen({ stops: [{ ...stop, stopped: false }] }));
    expect(never).toMatchObject({ holds: false });
    expect(never.finding).toBeUndefined();
  });
  it('is not judged if nothing waited for that connector', async () => {
    expect(
      (await judgeClause(clause, await seen({ stops: [{ ...stop, connector: 'sink' }] }))).holds,
    ).toBeNull();
  });
});

it('clauses about rows are told from those about the run', () => {
  expect(comparesRows({ kind: 'same-rows', why })).toBe(true);
  expect(comparesRows({ kind: 'writer-ok', why })).toBe(false);
});
