import { appendFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  formatLedgerEntry,
  type LedgerEntry,
  type LedgerTransaction,
  parseLedgerLine,
  readLedgerEntries,
  readLedgerTransactions,
} from './ledger.ts';

const at = '2026-01-02T03:04:05.678Z';
const start: LedgerEntry = { t: 'start', kind: 'mixed', seed: 42, incarnation: 0, at };
const intent = (tx: number): LedgerEntry => ({
  t: 'intent',
  tx,
  xid: String(tx),
  at,
  writes: [{ table: 'public.orders', key: { id: `key-${tx}` }, op: 'c', version: 1 }],
});
const outcome = (tx: number, result: 'ok' | 'fail' | 'unknown', settled?: true): LedgerEntry => ({
  t: 'outcome',
  tx,
  result,
  at,
  ...(settled === undefined ? {} : { settled }),
});

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ledger-'));
  path = join(folder, 'ledger.ndjson');
});
afterEach(() => rm(folder, { recursive: true }));

const write = (...entries: LedgerEntry[]) => writeFile(path, entries.map(formatLedgerEntry).join(''));
async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}
const results = async () => {
  const all: LedgerTransaction[] = await collect(readLedgerTransactions(path));
  return all.map(({ tx, result, settled }) => `${tx} ${result}${settled ? ' settled' : ''}`);
};

describe('the ledger', () => {
  it('reads every entry as it was written', async () => {
    const entries = [start, intent(17), outcome(17, 'ok')];
    await write(...entries);
    expect(await collect(readLedgerEntries(path))).toEqual(entries);
  });

  it('joins each intent with its outcome, and ends with the intents that have none', async () => {
    await write(start, intent(1), intent(2), intent(3), outcome(3, 'fail'), outcome(1, 'ok'));
    expect(await results()).toEqual(['3 fail', '1 ok', '2 unknown']);
  });

  it('prefers a settled outcome to an unknown one', async () => {
    await write(
      start,
      intent(1),
      intent(2),
      outcome(1, 'unknown'),
      outcome(2, 'unknown'),
      outcome(1, 'ok', true),
    );
    expect(await results()).toEqual(['1 ok settled', '2 unknown']);
  });

  it('ignores a second settling of the same transaction', async () => {
    await write(start, intent(1), outcome(1, 'ok'), outcome(1, 'ok', true));
    expect(await results()).toEqual(['1 ok']);
  });

  it('refuses an outcome without an intent', async () => {
    await write(start, outcome(1, 'ok'));
    await expect(results()).rejects.toMatchObject({ code: 'CDC-4102' });
  });

  it('skips a last line that a kill has torn, wherever it is torn', async () => {
    const torn = formatLedgerEntry(intent(2));
    for (let bytes = 1; bytes < torn.length - 1; bytes += 1) {
      await write(start, intent(1), outcome(1, 'ok'));
      await appendFile(path, torn.slice(0, bytes));
      expect(await results()).toEqual(['1 ok']);
    }
  });

  it('accepts a last line that lacks only its line feed', async () => {
    await write(start);
    await appendFile(path, formatLedgerEntry(intent(1)).trimEnd());
    expect(await results()).toEqual(['1 unknown']);
  });

  it('accepts a torn line if the workload was restarted after it', async () => {
    await write(start, intent(1));
    await appendFile(path, `{"t":"outcome","tx":1,"res\n${formatLedgerEntry(start)}`);
    await appendFile(path, formatLedgerEntry(outcome(1, 'ok', true)));
    expect(await results()).toEqual(['1 ok settled']);
  });

  it('refuses a torn line in the middle, with its number', async () => {
    await write(start, intent(1));
    await appendFile(path, `{"t":"outcome","tx":1,"res\n${formatLedgerEntry(intent(2))}`);
    await expect(results()).rejects.toMatchObject({
      code: 'CDC-4101',
      message: 'Line 3 of the ledger is torn, and more follows it.',
    });
  });

  it.each([
    '{"t":"intent","tx":1}',
    '{"t":"outcome","tx":1,"result":"perhaps","at":"2026-01-02T03:04:05Z"}',
    '{"t":"other"}',
    '17',
    'null',
  ])('refuses JSON that is not an entry: %s', (line) => {
    expect(() => parseLedgerLine(line, 9)).toThrow(/^Line 9 of the ledger is not a ledger entry: [^\n]+\.$/);
  });

  it('lets its reader stop after any transaction', async () => {
    const many = Array.from({ length: 2_000 }, (_, i) => intent(i)).map(formatLedgerEntry);
    const done = Array.from({ length: 2_000 }, (_, i) => outcome(i, 'ok')).map(formatLedgerEntry);
    await writeFile(path, formatLedgerEntry(start) + many.map((line, i) => line + done[i]).join(''));
    let seen = 0;
    for await (const { result } of readLedgerTransactions(path)) {
      expect(result).toBe('ok');
      seen += 1;
      if (seen === 10) break;
    }
    expect(seen).toBe(10);
  });
});
