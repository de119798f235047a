import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { makeTestFolder } from '../../fixtures/testing/test-folder.ts';
import { formatLedgerEntry, type LedgerEntry, type LedgerOutcome } from '../observe/ledger/ledger.ts';
import { readCommits } from './ledger-commits.ts';

const at = '2026-01-02T03:04:05.000Z';
const intent = (tx: number, id: string, version: number, table = 'public.items'): LedgerEntry => ({
  t: 'intent',
  tx,
  xid: String(tx),
  at,
  writes: [{ table, key: { id }, op: 'u', version }],
});
const outcome = (tx: number, result: LedgerOutcome['result']): LedgerEntry => ({
  t: 'outcome',
  tx,
  result,
  at,
});

async function commitsOf(entries: readonly LedgerEntry[], max = 10) {
  const file = join(makeTestFolder(), 'ledger.ndjson');
  writeFileSync(file, entries.map(formatLedgerEntry).join(''));
  return await readCommits(file, { table: 'public.items', key: { id: 'a' } }, max);
}

test('only the writes of the row are kept, each with its outcome', async () => {
  const { commits } = await commitsOf([
    intent(1, 'a', 2),
    intent(2, 'b', 2),
    intent(3, 'a', 2, 'public.other'),
    outcome(1, 'ok'),
    intent(4, 'a', 3),
    outcome(4, 'fail'),
    intent(5, 'a', 3),
    outcome(5, 'unknown'),
    intent(6, 'a', 4),
  ]);
  expect(commits.map(({ tx, outcome: result }) => [tx, result])).toEqual([
    [1, 'ok'],
    [4, 'fail'],
    [5, 'unknown'],
    [6, 'unknown'],
  ]);
});

test('only the last writes are kept, and the earlier ones are counted', async () => {
  const entries = [1, 2, 3, 4].flatMap((tx) => [intent(tx, 'a', tx), outcome(tx, 'ok')]);
  const { commits, leftOut } = await commitsOf(entries, 2);
  expect(commits.map(({ version }) => version)).toEqual([3, 4]);
  expect(leftOut).toBe(2);
});
