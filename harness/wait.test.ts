import { describe, expect, it } from 'vitest';
import { DeadlineError, until, withDeadline } from './wait.ts';

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

  it('takes an error for "not yet", and names the last one at the deadline', async () => {
    const wait = until(async () => Promise.reject(new Error('refused')), {
      what: 'the port',
      withinMs: 20,
      everyMs: 5,
    });
    await expect(wait).rejects.toThrow('waited 20 ms for the port, in vain (last: refused)');
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
    await expect(wait).rejects.toThrow();
  });
});

describe('withDeadline', () => {
  const forever = () => new Promise<never>(() => undefined);

  it('rejects at the deadline even where the work does not listen', async () => {
    await expect(withDeadline('the end', 10, undefined, forever)).rejects.toThrow('waited 10 ms for the end');
  });

  it('rejects with the outer reason', async () => {
    const outer = new AbortController();
    const work = withDeadline('the end', 60_000, outer.signal, forever);
    outer.abort(new Error('called off'));
    await expect(work).rejects.toThrow('called off');
  });

  it('tells the work by its signal', async () => {
    let seen: AbortSignal | undefined;
    await withDeadline('the end', 10, undefined, (signal) => {
      seen = signal;
      return forever();
    }).catch(() => undefined);
    expect(seen?.aborted).toBe(true);
  });
});
