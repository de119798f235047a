import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { type LedgerIntent, parseLedgerLine } from './ledger.ts';

/** Bytes read from the end of a ledger. */
const TAIL_BYTES = 512 * 1024;

/** Intents at the end of a ledger, oldest first, without those that are known to have failed. Memory is bounded. */
export function readTail(path: string): readonly LedgerIntent[] {
  const file = openSync(path, 'r');
  try {
    const { size } = fstatSync(file);
    const start = Math.max(0, size - TAIL_BYTES);
    const bytes = Buffer.alloc(size - start);
    const read = readSync(file, bytes, 0, bytes.length, start);
    const lines = bytes.toString('utf8', 0, read).split('\n');
    // The first line may be cut at its beginning, and the last one at its end.
    const whole = lines.slice(start > 0 ? 1 : 0, -1);
    const intents = new Map<number, LedgerIntent>();
    for (const [i, line] of whole.entries()) {
      const entry = parseLedgerLine(line, i + 1);
      if (entry?.t === 'intent') intents.set(entry.tx, entry);
      else if (entry?.t === 'outcome' && entry.result === 'fail') intents.delete(entry.tx);
    }
    return [...intents.values()];
  } finally {
    closeSync(file);
  }
}
