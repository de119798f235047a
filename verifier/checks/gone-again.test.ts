import { expect, test } from 'vitest';
import type { Check } from '../check.ts';
import type { Database } from '../connection/postgres.ts';
import { cataloguesOf, contextOf } from '../testing/context.ts';
import type { Content } from '../verification/comparison.ts';
import type { TopicLogView } from '../verification/topic-log-view.ts';
import { VerifierMemory } from '../verification/verifier-memory.ts';
import order from './order.ts';
import processingLog from './processing-log.ts';

interface Look {
  readonly handled: number;
  readonly skipped?: number;
  /** Offsets of inverted changes. */
  readonly inverted?: readonly number[];
  readonly complete?: boolean;
}

/** A verifier of one topic and its table, whose rows are equal. */
function verifier(check: Check) {
  const memory = new VerifierMemory();
  const content = { tables: [{ table: { id: 'public.t' }, comparison: { equal: true } }] };
  return async ({ handled, skipped = 0, inverted = [], complete = true }: Look) => {
    const last = new Map(inverted.length === 0 ? [] : [[0, BigInt(Math.max(...inverted))]]);
    const examples = { invertedExamples: [], movedExamples: [] };
    const found = { inverted: inverted.length, moved: 0, last, ...examples };
    const log = {
      ...{ problem: '', complete, changesBefore: () => handled },
      order: new Map(inverted.length === 0 ? [] : [['topic', found]]),
      ordered: { changes: handled, keysLeftOut: false },
      processed: [
        {
          ...{ connector: 's', partition: 'topic/0', nextOffset: BigInt(handled) },
          ...{ applied: handled - skipped, suppressed: 0, deadLettered: 0 },
        },
      ],
    } as unknown as TopicLogView;
    const context = contextOf({
      memory,
      databases: { sink: async () => ({}) as Database },
      pipeline: { topics: async () => new Map([['public.t', 'topic']]) },
      evidence: {
        catalogues: async () => cataloguesOf(),
        content: async () => content as unknown as Content,
        topicLog: async () => log,
      },
    });
    return (await check.run(context)).verdict;
  };
}

test('changes that are skipped after the sink had made up for others are a fault of now', async () => {
  const look = verifier(processingLog);
  expect(await look({ handled: 10, skipped: 5 })).toBe('FAIL');
  expect(await look({ handled: 11, skipped: 5 })).toBe('PASS');
  expect(await look({ handled: 12 })).toBe('PASS');
  expect(await look({ handled: 14, skipped: 2 })).toBe('FAIL');
  expect(await look({ handled: 15, skipped: 2 })).toBe('PASS');
});

test('an inversion is known by its offset: the topic’s retention and a restart neither hide nor repeat one', async () => {
  const look = verifier(order);
  expect(await look({ handled: 10, inverted: [3, 4, 5] })).toBe('FAIL');
  expect(await look({ handled: 11, inverted: [3, 4, 5] })).toBe('PASS');
  expect(await look({ handled: 12, inverted: [5] })).toBe('PASS');
  expect(await look({ handled: 13, inverted: [5, 12] })).toBe('FAIL');
  expect(await look({ handled: 14, inverted: [12] })).toBe('PASS');
  // After a restart, not all is read at once.
  expect(await look({ handled: 15, inverted: [5], complete: false })).toBe('FAIL');
  expect(await look({ handled: 15, inverted: [5, 12] })).toBe('PASS');
  expect(await look({ handled: 16 })).toBe('PASS');
  expect(await look({ handled: 17, inverted: [2] })).toBe('FAIL');
});
