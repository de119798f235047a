import { describe, expect, it } from 'vitest';
import type { TopicLag } from '../access/access.ts';
import type { StatusAnswer } from '../connect/answers.ts';
import { stallFindings, untilStalled } from './stall.ts';

const signal = new AbortController().signal;
const status = (state: 'RUNNING' | 'FAILED'): StatusAnswer => ({
  name: 'c',
  connector: { state: 'RUNNING', worker_id: 'w' },
  tasks: [{ id: 0, state, worker_id: 'w' }],
  type: 'sink',
});

/** A pipeline whose sink is at `committed[i]` of 100 events, and whose slot is at `confirmed[i]`, at the i-th look. */
function pipeline(places: (bigint | null)[], state: 'RUNNING' | 'FAILED' = 'RUNNING') {
  let looks = 0;
  const next = (): bigint | null => places[Math.min(looks++, places.length - 1)] ?? null;
  return {
    query: async (_: string, sql: string) => {
      if (sql.includes('pg_current_wal_lsn()')) return [{ lsn: '0/64' }];
      if (!sql.includes('confirmed_flush_lsn')) return [];
      const at = next();
      return at === null ? [] : [{ at: `0/${at}`, left: 100 - Number(at) }];
    },
    lagByPartition: async (): Promise<TopicLag[]> => [
      { topic: 't', partition: 0, committed: next(), end: 100n },
    ],
    connectorStatus: async () => status(state),
  };
}

const wait = { forMs: 500, withinMs: 3_000, signal } as const;
const slot = { slot: 's' };

describe.each(['sink', 'capture'] as const)('the %s', (connector) => {
  it('has stalled if it does not move for that long, with work left and no error', async () => {
    const seen = await untilStalled(pipeline([0n, 10n, 40n]), slot, { ...wait, connector });
    expect(seen).toMatchObject({ end: 'stalled', left: 60 });
    expect(seen.stillMs).toBeGreaterThanOrEqual(500);
    expect(stallFindings(seen)).toMatchObject([{ class: 'stalled', hop: connector, verdict: 'FAIL' }]);
    expect(stallFindings(seen)[0]?.detail).toContain('has 60 ');
  });

  it('has not stalled if it catches up, fails, or is still moving at the end', async () => {
    const moving = Array.from({ length: 99 }, (_, i) => BigInt(i));
    const ends = [
      await untilStalled(pipeline([0n, 50n, 100n]), slot, { ...wait, connector }),
      await untilStalled(pipeline([0n, 10n], 'FAILED'), slot, { ...wait, connector }),
      await untilStalled(pipeline(moving), slot, { ...wait, withinMs: 900, connector }),
    ];
    expect(ends.map(({ end }) => end)).toEqual(['caught-up', 'failed', 'moving']);
    expect(ends.flatMap(stallFindings)).toEqual([]);
  });
});

it('a worker that does not answer has failed, and is not stalled', async () => {
  const connectorStatus = () => Promise.reject(new Error('refused'));
  const access = { ...pipeline([0n, 10n]), connectorStatus };
  const seen = await untilStalled(access, slot, { ...wait, connector: 'sink' });
  expect(seen).toMatchObject({ end: 'unanswered', left: 90 });
  expect(stallFindings(seen)).toMatchObject([{ class: 'connector-failed', hop: 'sink', verdict: 'FAIL' }]);
});

it('a capture whose slot is gone gets nowhere', async () => {
  const seen = await untilStalled(pipeline([null]), slot, { ...wait, connector: 'capture' });
  expect(seen.end).toBe('stalled');
});
