import { expect, test } from 'vitest';
import { mustKeepWriting } from './started-workload.ts';

const summary = () => ({ committed: 0, failed: 3, unknown: 0 });
const ended = { runs: () => false, summary };

test('a writer that has ended cleanly does not write, and is not said to', async () => {
  await expect(
    mustKeepWriting('workload@lab', { kind: 'mixed', transactions: null }, ended),
  ).rejects.toMatchObject({
    code: 'CDC-5123',
    message:
      'workload@lab was to write until it is stopped, but has ended: 0 transactions committed, 3 failed, 0 unknown.',
  });
});

test('one that still writes, or that may end by itself, is left alone', async () => {
  const endless = { kind: 'mixed', transactions: null } as const;
  await mustKeepWriting('w', endless, { runs: () => true, summary });
  await mustKeepWriting('w', { kind: 'mixed', transactions: 5 }, ended);
  await mustKeepWriting('w', { kind: 'backfill', transactions: null }, ended);
});
