import { describe, expect, it } from 'vitest';
import type { StopSeen } from '../plugins/ends.ts';
import type { Expectation } from '../plugins/scenario.ts';
import { describeExpected, judge } from './expectation.ts';
import { finding } from './testing/fake-lab.ts';

const duplicate: Expectation = { verdict: 'FAIL', finding: { class: 'duplicate', hop: 'sink' } };
const corrupted: Expectation = {
  verdict: 'FAIL',
  finding: { class: 'corrupted', hop: 'sink', column: 'tier' },
  follows: ['schema'],
};

describe('an expectation', () => {
  it.each(['PASS', 'WARN', 'SYNC_IN_PROGRESS', 'INCONCLUSIVE'] as const)(
    'of PASS is met by PASS alone, and %s is judged',
    (verdict) => {
      expect(judge({ verdict: 'PASS' }, verdict, []).ok).toBe(verdict === 'PASS');
    },
  );

  it('of FAIL needs its class at its hop', () => {
    expect(judge(duplicate, 'FAIL', [finding({ class: 'duplicate' })]).ok).toBe(true);
    expect(judge(duplicate, 'FAIL', [finding({ class: 'duplicate', hop: 'capture' })]).ok).toBe(false);
    expect(judge(duplicate, 'FAIL', []).reason).toContain('no failing finding');
  });

  it('of FAIL is not met by a second reason that has nothing to do with the lesson', () => {
    const judgement = judge(duplicate, 'FAIL', [finding({ class: 'duplicate' }), finding()]);
    expect(judgement).toEqual({
      ok: false,
      reason: 'FAIL for another reason too: 3 missing @sink in public.orders',
    });
  });

  it('ignores findings that only warn', () => {
    const warning = finding({ class: 'alert', verdict: 'WARN' });
    expect(judge(duplicate, 'FAIL', [finding({ class: 'duplicate' }), warning]).ok).toBe(true);
  });

  it('with a column needs the column named, in the first example or a later one', () => {
    const without = finding({ class: 'corrupted', first: { key: {}, columns: ['name'] } });
    const with_ = finding({ class: 'corrupted', examples: [{ key: {}, columns: ['name', 'tier'] }] });
    expect(judge(corrupted, 'FAIL', [without]).ok).toBe(false);
    expect(judge(corrupted, 'FAIL', [with_, finding({ class: 'schema' })]).ok).toBe(true);
  });

  it('with a table is met by that table alone; what follows may be in others', () => {
    const inReadings: Expectation = {
      verdict: 'FAIL',
      finding: { class: 'duplicate', hop: 'sink', table: 'public.readings' },
      follows: ['duplicate'],
    };
    const elsewhere = finding({ class: 'duplicate' });
    const there = finding({ class: 'duplicate', table: 'public.readings' });
    expect(judge(inReadings, 'FAIL', [elsewhere]).reason).toBe(
      'FAIL, but not for duplicate @sink in public.readings: 3 duplicate @sink in public.orders',
    );
    expect(judge(inReadings, 'FAIL', [elsewhere, there]).ok).toBe(true);
  });

  it('treats an absent copy as a consequence of missing rows at the same hop, and of nothing else', () => {
    const missing = { verdict: 'FAIL', finding: { class: 'missing', hop: 'capture' } } as const;
    const rows = finding({ class: 'missing', hop: 'capture' });
    const absent = (hop: 'capture' | 'sink') => finding({ class: 'absent', hop });
    expect(judge(missing, 'FAIL', [rows, absent('capture')]).ok).toBe(true);
    expect(judge(missing, 'FAIL', [rows, absent('sink')]).ok).toBe(false);
    expect(judge(duplicate, 'FAIL', [finding({ class: 'duplicate' }), absent('sink')]).ok).toBe(false);
  });

  it('reads as class, hop and column', () => {
    expect(describeExpected(corrupted)).toBe('corrupted @sink, column tier');
    expect(describeExpected({ verdict: 'PASS' })).toBeNull();
  });
});

describe('a loud stop that is expected', () => {
  const loud: Expectation = {
    verdict: 'FAIL',
    finding: { class: 'connector-failed', hop: 'capture' },
    stop: { code: 'CDC-1107', withinMs: 20_000 },
  };
  const failed = finding({ class: 'connector-failed', hop: 'capture' });
  const stop: StopSeen = {
    ...{
      connector: 'capture',
      stopped: true,
      afterMs: 900,
      withinMs: 20_000,
      state: 'RUNNING, task 0 FAILED',
    },
    ...{ code: 'CDC-1107', trace: 'CDC-1107: Slot "s" is ahead.\nCaused by: x' },
  };
  const reasonOf = (expected: Expectation, stops: StopSeen[]) =>
    judge(expected, 'FAIL', [failed], stops).reason;

  it('needs its code, within its bound, at its hop', () => {
    expect(judge(loud, 'FAIL', [failed], [stop])).toEqual({ ok: true, reason: null });
    expect(reasonOf(loud, [{ ...stop, code: 'CDC-1200', trace: 'CDC-1200: refused' }])).toBe(
      'it stopped, but not with CDC-1107: CDC-1200',
    );
    expect(reasonOf(loud, [{ ...stop, afterMs: 21_000 }])).toContain(
      'after 21000 ms and not within 20000 ms',
    );
    expect(reasonOf(loud, [{ ...stop, connector: 'sink' }])).toContain(
      'no step saw a connector @capture stop',
    );
    expect(reasonOf(loud, [])).toContain('no step saw');
  });

  it('may need both: its code, and what the trace names', () => {
    const named: Expectation = { ...loud, stop: { code: 'CDC-1107', says: 'Slot "s"', withinMs: 20_000 } };
    expect(reasonOf(named, [stop])).toBeNull();
    expect(reasonOf(named, [{ ...stop, trace: 'CDC-1107: it is ahead' }])).toBe(
      'it stopped, but not with CDC-1107 /Slot "s"/: CDC-1107: it is ahead',
    );
    expect(reasonOf(named, [{ ...stop, code: 'CDC-1200' }])).toContain('CDC-1200');
  });

  it('may be a pattern for the trace', () => {
    const theirs: Expectation = { ...loud, stop: { trace: 'Slot .* ahead', withinMs: 20_000 } };
    expect(reasonOf(theirs, [stop])).toBeNull();
    expect(reasonOf(theirs, [{ ...stop, code: null, trace: 'java.lang.Error: other\n  at x' }])).toBe(
      'it stopped, but not with /Slot .* ahead/: java.lang.Error: other',
    );
  });

  it('is not met by a connector that runs on: that is silent', () => {
    const silent = finding({ class: 'silent', hop: 'capture' });
    const judgement = judge(loud, 'FAIL', [silent], [{ ...stop, stopped: false }]);
    expect(judgement.reason).toContain('FAIL, but not for connector-failed @capture, CDC-1107');
  });
});
