import { describe, expect, it } from 'vitest';
import type { State, StatusAnswer } from '../connect/answers.ts';
import { stopFindings, untilStopped } from './stop.ts';

function status(state: State, trace?: string): StatusAnswer {
  const task = { id: 0, state, worker_id: 'w', ...(trace === undefined ? {} : { trace }) };
  return { name: 'c', connector: { state: 'RUNNING', worker_id: 'w' }, tasks: [task], type: 'source' };
}

/** Answers in turn; the last one stays. */
function answers(...all: (StatusAnswer | Error)[]) {
  return {
    connectorStatus: async () => {
      const [next] = all.length > 1 ? all.splice(0, 1) : all;
      if (next === undefined || next instanceof Error) throw next;
      return next;
    },
  };
}

const wait = { connector: 'capture', withinMs: 400, signal: new AbortController().signal } as const;

describe('a connector that must stop', () => {
  it('has stopped when a task is FAILED; the first code of its trace, and the time, are kept', async () => {
    const trace = 'CDC-1107: Slot "s" is ahead. Remove it.\nCaused by: CDC-1010: other';
    const seen = await untilStopped(
      answers(new Error('down'), status('RUNNING'), status('FAILED', trace)),
      wait,
    );
    expect(seen).toMatchObject({ stopped: true, code: 'CDC-1107', trace, state: 'RUNNING, task 0 FAILED' });
    expect(seen.afterMs).toBeGreaterThanOrEqual(150);
    expect(stopFindings(seen)).toEqual([]);
  });

  it('has no code where its trace has none, as of an engine that is not ours', async () => {
    const trace = 'org.apache.kafka.connect.errors.ConnectException: slot';
    expect(await untilStopped(answers(status('FAILED', trace)), wait)).toMatchObject({
      stopped: true,
      code: null,
      trace,
    });
  });

  it('is silent if it still says that it runs, with the bound', async () => {
    const seen = await untilStopped(answers(status('RUNNING')), wait);
    expect(seen).toMatchObject({ stopped: false, code: null });
    expect(stopFindings(seen)).toMatchObject([
      { class: 'silent', hop: 'capture', verdict: 'FAIL', check: 'contract' },
    ]);
    expect(stopFindings(seen)[0]?.detail).toContain(
      'within 400 ms; then it was still RUNNING, task 0 RUNNING',
    );
  });

  it('is stalled if it neither runs nor has failed', async () => {
    const { connector, ...rest } = status('PAUSED');
    const paused = { ...rest, connector: { ...connector, state: 'PAUSED' as const } };
    const seen = await untilStopped(answers(paused), { ...wait, connector: 'sink' });
    expect(stopFindings(seen)).toMatchObject([{ class: 'stalled', hop: 'sink' }]);
  });

  it('has failed if its worker does not answer', async () => {
    const seen = await untilStopped(answers(new Error('refused')), { ...wait, connector: 'sink' });
    expect(stopFindings(seen)).toMatchObject([{ class: 'connector-failed', hop: 'sink' }]);
    expect(stopFindings(seen)[0]?.detail).toContain('its worker does not answer');
  });

  it('that stops soon after its bound has stopped late, and is neither silent nor stalled', async () => {
    const start = performance.now();
    const late = {
      connectorStatus: async () => status(performance.now() - start > 500 ? 'FAILED' : 'RUNNING'),
    };
    const seen = await untilStopped(late, wait);
    expect(seen).toMatchObject({ stopped: true, withinMs: 400 });
    expect(seen.afterMs).toBeGreaterThan(400);
    expect(stopFindings(seen)).toEqual([]);
  });
});
