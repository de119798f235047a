import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { makeTestFolder } from '../../fixtures/testing/test-folder.ts';
import { formatLedgerEntry, type LedgerEntry } from '../../verifier/observe/ledger/ledger.ts';
import { databasePair } from '../../verifier/testing/databases.ts';
import { rebaseLedger } from './rebase-ledger.ts';

const AT = '2026-01-01T00:00:00.000Z';

test('commits that the source does not know become failed ones; all others stay as they are', async () => {
  await using pair = await databasePair();
  const xidOf = async (end: string): Promise<number> => {
    await pair.source.query('BEGIN READ WRITE');
    const { xid } = await pair.source.one('SELECT pg_current_xact_id()::text AS xid');
    await pair.source.query(end);
    return Number(xid);
  };
  const [kept, gone] = [await xidOf('COMMIT'), await xidOf('ROLLBACK')];
  const future = gone + 1_000_000;
  const entries = [kept, gone, future].flatMap((tx): LedgerEntry[] => [
    { t: 'intent', tx, xid: String(tx), at: AT, writes: [] },
    { t: 'outcome', tx, result: 'ok', at: AT },
  ]);
  const ledgerPath = join(makeTestFolder(), 'ledger.ndjson');
  writeFileSync(ledgerPath, entries.map(formatLedgerEntry).join(''));
  const before = statSync(ledgerPath).ino;
  const access = {
    query: async (_: string, sql: string, params: readonly unknown[] = []) => [
      ...(await pair.source.query(sql, [...params])),
    ],
  };
  expect(await rebaseLedger(access, { ledgerPath })).toMatchObject({ lost: 2 });
  const after = readFileSync(ledgerPath, 'utf8').trim().split('\n');
  const outcomes = after.map((line) => JSON.parse(line)).filter(({ t }) => t === 'outcome');
  expect(outcomes.map(({ tx, result }) => [tx, result])).toEqual([
    [kept, 'ok'],
    [gone, 'fail'],
    [future, 'fail'],
  ]);
  expect(statSync(ledgerPath).ino).not.toBe(before);
});
