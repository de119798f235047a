import { appendFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { makeTestFolder } from '../../fixtures/testing/test-folder.ts';
import type { Check, CheckResult } from '../check.ts';
import { Database } from '../connection/postgres.ts';
import { compareLedger, type LedgerComparison, type LedgerLimits } from '../observe/ledger/compare-ledger.ts';
import { formatLedgerEntry, type LedgerEntry, type LedgerWrite } from '../observe/ledger/ledger.ts';
import { readCatalogue } from '../observe/source/catalogue.ts';
import { contextOf } from '../testing/context.ts';
import { type DatabasePair, databasePair } from '../testing/databases.ts';
import { VerifierMemory } from '../verification/verifier-memory.ts';
import effects from './effects.ts';
import check from './ledger.ts';

const AT = '2026-01-01T00:00:00.000Z';
const write = (id: number, op: LedgerWrite['op'], version: number): LedgerWrite => ({
  ...{ table: 'public.items', key: { id: String(id) } },
  ...{ op, version },
});

/** Later than any start of the server, so that no id can have been reused. */
const SINCE_THE_START = '2099-01-01T00:00:00.000Z';

/** Writes a ledger of transactions with their outcomes. Null: the connection broke, and the outcome was never settled. */
function ledgerOf(
  transactions: readonly { xid: string; writes: LedgerWrite[]; result: 'ok' | 'fail' | null; at?: string }[],
) {
  const entries = transactions.flatMap(({ xid, writes, result, at = AT }, tx): LedgerEntry[] => [
    { t: 'intent', tx, xid, at, writes },
    ...(result === null ? [] : [{ t: 'outcome', tx, result, at: AT } as const]),
  ]);
  const path = join(makeTestFolder(), 'ledger.ndjson');
  writeFileSync(path, entries.map(formatLedgerEntry).join(''));
  return path;
}

async function compared(
  pair: DatabasePair,
  path: string,
  own: { memory?: VerifierMemory | undefined; limits?: Partial<LedgerLimits> } = {},
): Promise<LedgerComparison> {
  const expected = [...(await readCatalogue(pair.source)).values()];
  const signal = AbortSignal.timeout(30_000);
  const memory = own.memory?.ledger;
  const inputs = { path, source: pair.source, expected, versionColumn: 'version', signal, memory };
  return await compareLedger(inputs, own.limits);
}

async function run(
  pair: DatabasePair,
  ledger: string,
  memory?: VerifierMemory,
  of: Check = check,
): Promise<CheckResult> {
  const evidence = { ledger: () => compared(pair, ledger, { memory }) };
  return await of.run(contextOf({ config: { ledger }, evidence }));
}

const ITEMS = `CREATE TABLE items (id int PRIMARY KEY, version bigint)`;

test('a source with everything that was committed is a PASS, with the counts of the ledger', async () => {
  await using pair = await databasePair();
  await pair.onSource(`${ITEMS}; INSERT INTO items VALUES (1, 2), (2, 7)`);
  const path = ledgerOf([
    { xid: '1', writes: [write(1, 'c', 1), write(2, 'c', 1), write(3, 'c', 1)], result: 'ok' },
    { xid: '2', writes: [write(1, 'u', 2)], result: 'ok' },
    { xid: '3', writes: [write(3, 'd', 1)], result: 'ok' },
    { xid: '4', writes: [write(9, 'c', 1)], result: 'fail' },
  ]);
  const result = await run(pair, path);
  expect(result).toMatchObject({ verdict: 'PASS', findings: [] });
  expect(result.ledger).toMatchObject({ transactions: 4, committed: 3, failed: 1, unknown: 0 });
});

test('committed writes that the source lost are reported at the hop source: missing, stale, or not deleted', async () => {
  await using pair = await databasePair();
  await pair.onSource(`${ITEMS}; INSERT INTO items VALUES (1, 1), (3, 1)`);
  const path = ledgerOf([
    { xid: '1', writes: [write(1, 'c', 1), write(2, 'c', 1), write(3, 'c', 1)], result: 'ok' },
    { xid: '2', writes: [write(1, 'u', 2), write(3, 'd', 1)], result: 'ok' },
  ]);
  const { verdict, findings } = await run(pair, path);
  expect(verdict).toBe('FAIL');
  expect(findings.map(({ class: name, hop, count, first }) => [name, hop, count, first?.key]).sort()).toEqual(
    [
      ['extra', 'source', 1, { id: '3' }],
      ['missing', 'source', 1, { id: '2' }],
      ['stale', 'source', 1, { id: '1' }],
    ],
  );
});

/** Xid of a transaction that wrote nothing. */
async function xidOf(pair: DatabasePair, end: 'COMMIT' | 'ROLLBACK'): Promise<string> {
  await pair.source.query('BEGIN READ WRITE');
  const { xid } = await pair.source.one('SELECT pg_current_xact_id()::text AS xid');
  await pair.source.query(end);
  return xid ?? '';
}

test('an unknown outcome is settled by the status of its transaction, not by the row', async () => {
  await using pair = await databasePair();
  await pair.onSource(ITEMS);
  const committed = await xidOf(pair, 'COMMIT');
  const aborted = await xidOf(pair, 'ROLLBACK');
  const at = SINCE_THE_START;
  const path = ledgerOf([
    { xid: committed, writes: [write(1, 'c', 1)], result: null, at },
    { xid: aborted, writes: [write(2, 'c', 1)], result: null, at },
    { xid: '99999999999', writes: [write(3, 'c', 1)], result: null, at },
  ]);
  const result = await run(pair, path);
  expect(result.ledger).toMatchObject({ unknown: 3, settledCommitted: 1, settledAborted: 1 });
  expect(result.findings.map(({ count, first }) => [count, first?.key])).toEqual([[1, { id: '1' }]]);
});

test('an id that may have been reused after a crash proves a commit only if the rows confirm it', async () => {
  await using pair = await databasePair();
  await pair.onSource(`${ITEMS}; INSERT INTO items VALUES (1, 1), (2, 5)`);
  const others = await xidOf(pair, 'COMMIT');
  // None of its rows is there, so another transaction with this id committed.
  const none = await run(
    pair,
    ledgerOf([{ xid: others, writes: [write(8, 'c', 1), write(9, 'c', 1)], result: null }]),
  );
  expect(none).toMatchObject({ verdict: 'PASS', ledger: { settledCommitted: 0, settledAborted: 1 } });
  // All of its rows are there, as it left them or newer, so it committed.
  const all = await run(
    pair,
    ledgerOf([{ xid: others, writes: [write(1, 'c', 1), write(2, 'u', 4), write(7, 'd', 3)], result: null }]),
  );
  expect(all.ledger).toMatchObject({ settledCommitted: 1, settledAborted: 0 });
});

test('a transaction with only some of its rows, whose id may have been reused, is INCONCLUSIVE, with the reason', async () => {
  await using pair = await databasePair();
  const memory = new VerifierMemory();
  await pair.onSource(`${ITEMS}; INSERT INTO items VALUES (1, 1)`);
  const others = await xidOf(pair, 'COMMIT');
  const path = ledgerOf([{ xid: others, writes: [write(1, 'c', 1), write(9, 'c', 1)], result: null }]);
  for (let round = 0; round < 2; round++) {
    const result = await run(pair, path, memory);
    expect(result).toMatchObject({
      verdict: 'INCONCLUSIVE',
      ledger: { settledCommitted: 0, settledAborted: 0 },
    });
    expect(result.findings).toMatchObject([{ class: 'evidence-missing', hop: 'source', count: 1 }]);
    expect(result.detail).toMatch(/may have reused its id: 1 of its rows are at the source, 1 are not/);
  }
  expect((await run(pair, path, memory, effects)).verdict).toBe('INCONCLUSIVE');
});

test('if the role may not see when the server was started, no id is trusted', async () => {
  await using pair = await databasePair();
  await pair.onSource(`${ITEMS}; DO $$ BEGIN CREATE ROLE cdc_lab_ledger_reader LOGIN PASSWORD 'reader';
    EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$;
    GRANT SELECT ON items TO cdc_lab_ledger_reader`);
  const others = await xidOf(pair, 'COMMIT');
  const url = Object.assign(new URL(pair.sourceUrl), {
    username: 'cdc_lab_ledger_reader',
    password: 'reader',
  });
  await using source = await Database.connect('source', url.href, 10_000);
  const path = ledgerOf([{ xid: others, writes: [write(1, 'c', 1)], result: null, at: SINCE_THE_START }]);
  expect((await run(pair, path)).verdict).toBe('FAIL');
  const result = await run({ ...pair, source }, path);
  expect(result).toMatchObject({ verdict: 'PASS', ledger: { settledCommitted: 0, settledAborted: 1 } });
});

test('of two intents with the same id, the first was lost in a crash, and its rows are not expected', async () => {
  await using pair = await databasePair();
  await pair.onSource(`${ITEMS}; INSERT INTO items VALUES (2, 1)`);
  const path = ledgerOf([]);
  appendFileSync(
    path,
    intent(7, [write(1, 'c', 1)], '7') + intent(7, [write(2, 'c', 1)], '7') + outcome(7, 'ok'),
  );
  const result = await run(pair, path);
  expect(result).toMatchObject({
    verdict: 'PASS',
    ledger: { transactions: 2, committed: 1, failed: 1, unknown: 0 },
  });
});

test('a write that took effect twice at the source, which no comparison can see, is a FAIL of effects', async () => {
  await using pair = await databasePair();
  await pair.onSource(`${ITEMS}; INSERT INTO items VALUES (1, 2), (2, 4)`);
  const path = ledgerOf([
    { xid: '1', writes: [write(1, 'c', 1), write(2, 'c', 1)], result: 'ok' },
    { xid: '2', writes: [write(1, 'u', 2), write(2, 'u', 2)], result: 'ok' },
    { xid: '3', writes: [write(2, 'u', 3)], result: 'ok' },
  ]);
  const result = await run(pair, path, undefined, effects);
  expect(result.verdict).toBe('FAIL');
  expect(result.findings).toMatchObject([
    { check: 'effects', class: 'not-committed', hop: 'source', count: 1, first: { key: { id: '2' } } },
  ]);
  // The check `ledger` passes, because everything in the ledger is there.
  expect((await run(pair, path)).verdict).toBe('PASS');
  await pair.onSource('UPDATE items SET version = 3 WHERE id = 2');
  expect((await run(pair, path, undefined, effects)).verdict).toBe('PASS');
  // A commit in progress may have taken effect already, so its version is not one too many.
  appendFileSync(path, intent(3, [write(2, 'u', 4)]));
  await pair.onSource('UPDATE items SET version = 4 WHERE id = 2');
  expect((await run(pair, path, undefined, effects)).verdict).toBe('PASS');
});

test('a ledger that cannot be read leaves effects without a verdict, and does not hide what its other proof finds', async () => {
  await using pair = await databasePair();
  await pair.onSource(ITEMS);
  const path = ledgerOf([]);
  writeFileSync(path, '{"t":"nonsense"}\n');
  const result = await run(pair, path, undefined, effects);
  expect(result).toMatchObject({ verdict: 'INCONCLUSIVE', findings: [] });
  expect(result.detail).toMatch(/^not judged: .*is not a ledger entry.*; the sink keeps no offsets$/);
});

const intent = (tx: number, writes: LedgerWrite[], xid = '99999999999') =>
  formatLedgerEntry({ t: 'intent', tx, xid, at: AT, writes });
const outcome = (tx: number, result: 'ok' | 'fail') =>
  formatLedgerEntry({ t: 'outcome', tx, result, at: AT });

test('a ledger that is read in parts gives the same result as one that is read at once', async () => {
  await using pair = await databasePair();
  await pair.onSource(`${ITEMS}; INSERT INTO items VALUES (1, 3), (3, 1), (4, 1), (6, 2), (8, 9)`);
  const path = ledgerOf([]);
  appendFileSync(
    path,
    [
      intent(1, [write(1, 'c', 1), write(2, 'c', 1), write(8, 'c', 1)]) + outcome(1, 'ok'),
      // Stays open while others commit, and is rolled back, so that 1 stays at version 3 and 6 at version 2.
      intent(2, [write(1, 'u', 4), write(6, 'u', 3)]),
      intent(3, [write(3, 'c', 1), write(4, 'c', 1), write(5, 'c', 1), write(6, 'c', 1)]) + outcome(3, 'ok'),
      intent(4, [write(1, 'u', 2)]) + outcome(4, 'ok'),
      intent(5, [write(4, 'u', 2), write(2, 'd', 1)]) + outcome(5, 'ok'),
      outcome(2, 'fail') + intent(6, [write(1, 'u', 3), write(6, 'u', 2)]) + outcome(6, 'ok'),
      intent(7, [write(3, 'u', 2)]),
    ].join(''),
  );
  for (const partBytes of [1, 150, 400, 1e9]) {
    for (const suspects of [6, 1e6]) {
      const limits = { partBytes, suspects };
      const { wrong, counts, cut } = await compared(pair, path, { limits });
      const found = wrong.flatMap((own) => own.examples.map(({ key }) => `${key.id} ${own.class}`)).sort();
      expect(found, JSON.stringify(limits)).toEqual(['4 stale', '5 missing', '8 not-committed']);
      expect(counts).toMatchObject({ transactions: 7, committed: 5, failed: 1, unknown: 1 });
      expect(cut).toBe(false);
    }
  }
});

test('a later part of the ledger clears the suspects of an earlier one, even if few are held at once', async () => {
  await using pair = await databasePair();
  await pair.onSource(`${ITEMS}; INSERT INTO items SELECT i, 2 FROM generate_series(1, 300) i WHERE i <> 7`);
  const ids = Array.from({ length: 300 }, (_, i) => i + 1);
  const ledger = (op: LedgerWrite['op'], version: number): string =>
    ids.map((id) => intent(id, [write(id, op, version)]) + outcome(id, 'ok')).join('');
  const path = ledgerOf([]);
  appendFileSync(path, ledger('c', 1) + ledger('u', 2));
  for (const suspects of [20, 1e6]) {
    const limits = { partBytes: 1_000, suspects };
    const { wrong, cut } = await compared(pair, path, { limits });
    expect(wrong).toMatchObject([{ class: 'missing', count: 1, examples: [{ key: { id: '7' } }] }]);
    expect(cut).toBe(false);
  }
});

test('if nearly everything is wrong, the result says what was found and that the rest was not checked', async () => {
  await using pair = await databasePair();
  await pair.onSource(ITEMS);
  const path = ledgerOf([]);
  for (let id = 1; id <= 300; id++) appendFileSync(path, intent(id, [write(id, 'c', 1)]) + outcome(id, 'ok'));
  const comparison = await compared(pair, path, { limits: { partBytes: 1_000, suspects: 50 } });
  const { wrong, cut } = comparison;
  expect(wrong).toMatchObject([{ class: 'missing', table: 'public.items' }]);
  expect(wrong[0]?.count).toBeGreaterThan(50);
  expect(wrong[0]?.count).toBeLessThan(300);
  expect(cut).toBe(true);
  const context = contextOf({ config: { ledger: path }, evidence: { ledger: async () => comparison } });
  expect((await check.run(context)).detail).toContain('the transactions after these were not checked');
});

test('a verifier with a memory checks what is new, and counts everything', async () => {
  await using pair = await databasePair();
  const memory = new VerifierMemory();
  await pair.onSource(`${ITEMS}; INSERT INTO items VALUES (1, 1), (2, 1)`);
  const path = ledgerOf([{ xid: '1', writes: [write(1, 'c', 1), write(2, 'c', 1)], result: 'ok' }]);
  expect((await run(pair, path, memory)).verdict).toBe('PASS');
  appendFileSync(path, intent(1, [write(1, 'u', 2)]) + outcome(1, 'ok'));
  const lost = await run(pair, path, memory);
  expect(lost.findings.map(({ class: name, first }) => [name, first?.key])).toEqual([['stale', { id: '1' }]]);
  // The finding stays until the row is repaired; then all transactions are counted.
  expect((await run(pair, path, memory)).verdict).toBe('FAIL');
  await pair.onSource('UPDATE items SET version = 2 WHERE id = 1');
  const mended = await run(pair, path, memory);
  expect(mended).toMatchObject({ verdict: 'PASS', ledger: { transactions: 2, committed: 2, unknown: 0 } });
  expect(mended.detail).toContain('those after the first 1 were checked now');
});

test('rows that an earlier verification found right are checked again on demand', async () => {
  await using pair = await databasePair();
  const memory = new VerifierMemory();
  await pair.onSource(`${ITEMS}; INSERT INTO items VALUES (1, 1)`);
  const path = ledgerOf([{ xid: '1', writes: [write(1, 'c', 1)], result: 'ok' }]);
  expect((await run(pair, path, memory)).verdict).toBe('PASS');
  await pair.onSource('DELETE FROM items');
  memory.ledger.forget();
  expect((await run(pair, path, memory)).verdict).toBe('FAIL');
});

test('the whole ledger is checked again after ten minutes, for another file, and after a restart of the source', () => {
  let ms = 0;
  const memory = new VerifierMemory(null, () => ms).ledger;
  const path = ledgerOf([{ xid: '1', writes: [write(1, 'c', 1)], result: 'ok' }]);
  const from = (file = path, incarnation = 'first') =>
    memory.begin(file, incarnation).before.cursor.byteOffset;
  const read = memory.begin(path, 'first');
  const cursor = { byteOffset: 10, lineNumber: 1, torn: null };
  read.commit({ ...read.before, cursor });
  expect(from()).toBe(10);
  expect(from(path, 'second')).toBe(0);
  expect(from(ledgerOf([]))).toBe(0);
  ms = 600_000;
  expect(from()).toBe(0);
});

test('a late outcome is judged by the whole ledger, and an unsettled transaction hides no other', async () => {
  await using pair = await databasePair();
  const memory = new VerifierMemory();
  await pair.onSource(`${ITEMS}; INSERT INTO items VALUES (2, 2)`);
  const path = ledgerOf([]);
  // Transaction 1 stays open. Transaction 2 deletes a row of it, and 3 writes its other row, which the source loses.
  appendFileSync(path, intent(1, [write(1, 'c', 1), write(3, 'c', 1)]));
  appendFileSync(path, intent(2, [write(1, 'd', 1), write(2, 'u', 2)]) + outcome(2, 'ok'));
  appendFileSync(path, intent(3, [write(3, 'u', 2)]) + outcome(3, 'ok'));
  expect((await run(pair, path, memory)).verdict).toBe('PASS');
  appendFileSync(path, outcome(1, 'ok').slice(0, -1));
  expect((await run(pair, path, memory)).verdict).toBe('PASS');
  appendFileSync(path, '\n');
  const result = await run(pair, path, memory);
  expect(result.findings.map(({ class: name, first }) => [name, first?.key])).toEqual([
    ['missing', { id: '3' }],
  ]);
  expect(result.ledger).toMatchObject({ transactions: 3, committed: 3, unknown: 0 });
});
