import { describe, expect, it } from 'vitest';
import { DeadlineError, poll, until, withDeadline } from './wait.ts';

describe('poll', () => {
  it('returns the first value that the condition gives', async () => {
    let looks = 0;
    expect(await poll(() => ++looks === 3 && 'there', { withinMs: 5_000, everyMs: 1 })).toBe('there');
    expect(looks).toBe(3);
  });

  it('returns undefined at the deadline, after at least one look', async () => {
    let looks = 0;
    let now = 0;
    const clock = (): number => {
      now += 40;
      return now;
    };
    const result = await poll(() => void looks++, { withinMs: 100, everyMs: 1, now: clock });
    expect(result).toBeUndefined();
    expect(looks).toBeGreaterThanOrEqual(1);
    expect(looks).toBeLessThanOrEqual(3);
  });

  it('ends with the error of its condition', async () => {
    const failing = poll(() => Promise.reject(new Error('broken')), { withinMs: 5_000 });
    await expect(failing).rejects.toThrow('broken');
  });

  it('ends with the reason of an abort, not at the deadline', async () => {
    const interrupt = new AbortController();
    const waiting = poll(() => undefined, { withinMs: 60_000, signal: interrupt.signal });
    interrupt.abort(new Error('interrupted'));
    await expect(waiting).rejects.toThrow('interrupted');
  });
});

describe('until', () => {
  it('asks until there is an answer', async () => {
    let asked = 0;
    const answer = await until(
      async () => {
        asked += 1;
        return asked === 3 ? 'here' : undefined;
      },
      { what: 'it', withinMs: 1000, everyMs: 1 },
    );
    expect(answer).toBe('here');
  });

  it('takes an error for "not yet", and says at the deadline what it waited for and the last error', async () => {
    const wait = until(async () => Promise.reject(new Error('refused')), {
      what: 'the port',
      withinMs: 20,
      everyMs: 5,
    });
    await expect(wait).rejects.toThrow('timed out after 20 ms waiting for the port (last error: refused)');
    await expect(wait).rejects.toBeInstanceOf(DeadlineError);
  });

  it('ends with the reason of an abort, not at the deadline', async () => {
    const abort = new AbortController();
    const wait = until(async () => undefined, {
      what: 'it',
      withinMs: 60_000,
      everyMs: 30_000,
      signal: abort.signal,
    });
    abort.abort(new Error('enough'));
    await expect(wait).rejects.toThrow('enough');
  });
});

describe('withDeadline', () => {
  const forever = () => new Promise<never>(() => undefined);

  it('rejects at the deadline even if the work ignores the signal', async () => {
    await expect(withDeadline('the end', 10, undefined, forever)).rejects.toThrow(
      'timed out after 10 ms waiting for the end',
    );
  });

  it('rejects with the reason of the outer signal', async () => {
    const outer = new AbortController();
    const work = withDeadline('the end', 60_000, outer.signal, forever);
    outer.abort(new Error('called off'));
    await expect(work).rejects.toThrow('called off');
  });

  it('aborts the signal of the work at the deadline', async () => {
    let seen: AbortSignal | undefined;
    await withDeadline('the end', 10, undefined, (signal) => {
      seen = signal;
      return forever();
    }).catch(() => undefined);
    expect(seen?.aborted).toBe(true);
  });
});
