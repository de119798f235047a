import { describe, expect, test } from 'vitest';
import { Claim } from '../apply/claim.ts';
import { LagMeter, type LagObservation, type LagSource, lagHealth } from './lag.ts';

const BOUNDS = { lagEvents: 100, lagMs: 60_000, stalledAfterMs: 10_000 };
const CALM: LagObservation = { events: 0, oldestMs: 0, unmovedMs: 0, isPaused: false };

test.each<[string, Partial<LagObservation>, string, string]>([
  ['that has caught up', {}, 'ok: caught up', 'ok: caught up'],
  ['before the first measurement', { events: null }, 'ok: not measured yet', 'ok: not measured yet'],
  [
    'a little behind',
    { events: 100, oldestMs: 60_000 },
    'ok: 100 records behind, the oldest for 60000 ms',
    'ok: applying',
  ],
  [
    'far behind',
    { events: 101 },
    'degraded: 101 records behind, the oldest for 0 ms: more than 100 records',
    'ok: applying',
  ],
  [
    'with an old record',
    { events: 1, oldestMs: 60_001 },
    'degraded: 1 records behind, the oldest for 60001 ms: older than 60000 ms',
    'ok: applying',
  ],
  [
    'that is stalled',
    { events: 1, unmovedMs: 10_000 },
    'ok: 1 records behind, the oldest for 0 ms',
    'degraded: 1 records behind, and no partition has moved for 10000 ms',
  ],
  [
    'that is paused, far behind',
    { events: 500, unmovedMs: 99_999, isPaused: true },
    'degraded: 500 records behind, the oldest for 0 ms: more than 100 records',
    'ok: paused',
  ],
])('the health of a sink %s', (_what, lag, lagText, progressText) => {
  const components = lagHealth({ ...CALM, ...lag }, BOUNDS);
  expect(components.map(({ component }) => component)).toEqual(['lag', 'progress']);
  expect(components.map(({ health, detail }) => `${health}: ${detail}`)).toEqual([lagText, progressText]);
});

describe('LagMeter', () => {
  const source = (nextOffset: bigint, oldestFetchedMs: number | null = null, partition = 0): LagSource => ({
    claim: new Claim({ topic: 'lab.public.a', partition, epoch: 1n, nextOffset }),
    oldestFetchedMs,
  });
  const ends = (...list: bigint[]) => new Map([['lab.public.a', list]]);

  test('counts the records between the stored offset and the end, by table', () => {
    const meter = new LagMeter();
    const sources = [source(3n), source(9n, null, 1)];
    meter.measured(ends(10n, 9n), sources, 1_000);
    expect(meter.observe(sources, false, 1_000).events).toBe(7);
    expect([...meter.byTable(sources)]).toEqual([['public.a', 7]]);
  });

  test('takes the age of the oldest record from its timestamp once it is fetched', () => {
    const meter = new LagMeter();
    meter.measured(ends(10n), [source(3n)], 50_000);
    expect(meter.observe([source(3n)], false, 51_000).oldestMs).toBe(1_000);
    expect(meter.observe([source(3n, 20_000)], false, 51_000).oldestMs).toBe(31_000);
  });

  test('lets a record that is not fetched age from the measurement that first saw it', () => {
    const meter = new LagMeter();
    meter.measured(ends(10n), [source(3n)], 1_000);
    meter.measured(ends(20n), [source(9n)], 5_000);
    expect(meter.observe([source(9n)], false, 6_000).oldestMs).toBe(5_000);
    meter.measured(ends(20n), [source(12n)], 7_000);
    expect(meter.observe([source(12n)], false, 8_000).oldestMs).toBe(1_000);
  });

  test('a stall begins with the lag or the last move, whichever is later, and ends with the lag', () => {
    const meter = new LagMeter();
    meter.moved(0);
    meter.measured(ends(10n), [source(10n)], 90_000);
    meter.measured(ends(11n), [source(10n)], 100_000);
    expect(meter.observe([source(10n)], false, 103_000).unmovedMs).toBe(3_000);
    meter.moved(102_000);
    expect(meter.observe([source(10n)], false, 103_000).unmovedMs).toBe(1_000);
    expect(meter.observe([source(11n)], false, 200_000)).toMatchObject({ events: 0, unmovedMs: 0 });
  });

  test('says nothing about partitions that it does not own', () => {
    expect(new LagMeter().observe([], false, 1_000).events).toBeNull();
  });
});
