/**
 * `verifier/observe/ledger`: reads the ledger of a workload and compares it with the source.
 * In: the ledger file, which a workload appends to while it commits, and the source database.
 * Out: committed writes that the source does not show, and the outcomes of the ledger's transactions.
 * Promises: only a write that is still the last one of its key in the whole ledger is reported, memory is bounded, and
 * an outcome that cannot be determined stays unknown.
 */

import { createReadStream } from 'node:fs';
import { z } from 'zod';
import { LabError } from '../../../pipeline/contract/errors.ts';
import { mistakeIn } from '../../../pipeline/contract/mistake.ts';
import { bytesText } from '../../units.ts';

/**
 * The ledger records what a workload committed, as the client saw it. It is NDJSON: entries are appended, one per line.
 *
 * - `start` is written when a workload opens the file.
 * - `intent` is on disk (fdatasync) before COMMIT is sent. A transaction without an intent was never committed.
 * - `outcome` follows the COMMIT: `ok`, `fail` (rolled back), or `unknown` if the connection broke in between. An
 *   unknown outcome is settled by `pg_xact_status(xid)`: a second outcome, with `settled`, follows.
 */
export type LedgerEntry = z.infer<typeof ledgerEntry>;
export type LedgerStart = z.infer<typeof start>;
export type LedgerIntent = z.infer<typeof intent>;
export type LedgerOutcome = z.infer<typeof outcome>;
export type LedgerWrite = z.infer<typeof write>;

const write = z.object({
  /** `SCHEMA.TABLE`. */
  table: z.string(),
  /** Primary key, by column. */
  key: z.record(z.string(), z.string()),
  op: z.enum(['c', 'u', 'd']),
  /** The row's version after the write; for a delete, the version that was deleted. */
  version: z.int().positive(),
});

const start = z.object({
  t: z.literal('start'),
  kind: z.string(),
  seed: z.int(),
  /** How many times a workload of this kind and seed had opened the file before. */
  incarnation: z.int().nonnegative(),
  at: z.iso.datetime(),
});

const intent = z.object({
  t: z.literal('intent'),
  /** Unique in the ledger. Workloads use the xid, so that two of them can write to one file. */
  tx: z.int().nonnegative(),
  /** `pg_current_xact_id()`: 64 bits, with the epoch. */
  xid: z.string().regex(/^\d+$/),
  at: z.iso.datetime(),
  writes: z.array(write),
});

const outcome = z.object({
  t: z.literal('outcome'),
  tx: z.int().nonnegative(),
  result: z.enum(['ok', 'fail', 'unknown']),
  /** True if `pg_xact_status` gave the outcome, after an `unknown` or after the workload was killed. */
  settled: z.boolean().optional(),
  at: z.iso.datetime(),
});

const ledgerEntry = z.discriminatedUnion('t', [start, intent, outcome]);

/** An intent with the latest known outcome. */
export interface LedgerTransaction {
  readonly tx: number;
  readonly xid: string;
  readonly writes: readonly LedgerWrite[];
  /** `unknown`: no outcome was written, or the connection broke and the outcome was never settled. */
  readonly result: 'ok' | 'fail' | 'unknown';
  readonly settled: boolean;
  /** ISO 8601, time of the intent. */
  readonly at: string;
}

/** Longest legal line: some 150,000 writes in one transaction. */
const MAX_LINE_BYTES = 16 * 1024 * 1024;

/** One entry as a line of the file, with its line feed. */
export function formatLedgerEntry(entry: LedgerEntry): string {
  return `${JSON.stringify(entry)}\n`;
}

/**
 * Parses one line, without its line feed.
 * @returns null for a line that is not JSON: a kill has torn it.
 * @throws LabError CDC-4101 for JSON that is not a ledger entry.
 */
export function parseLedgerLine(line: string, lineNumber: number): LedgerEntry | null {
  let json: unknown;
  try {
    json = JSON.parse(line);
  } catch {
    return null;
  }
  const parsed = ledgerEntry.safeParse(json);
  if (parsed.success) return parsed.data;
  const mistake = mistakeIn(parsed.error, { schema: ledgerEntry, value: json, whole: 'the line' });
  throw damaged(lineNumber, `is not a ledger entry: ${mistake}`);
}

/** How far a ledger has been read. */
export interface LedgerCursor {
  /** Bytes of complete lines. */
  byteOffset: number;
  lineNumber: number;
  /** Number of the last line, if it was torn. */
  torn: number | null;
}

export const startOfLedger = (): LedgerCursor => ({ byteOffset: 0, lineNumber: 0, torn: null });

/**
 * The entries in the order of the file, in bounded memory. A torn line is legal only where a kill can leave one: at the
 * end, or before a `start`. It is skipped. A torn intent was never synced, so its COMMIT was never sent; a torn outcome
 * leaves its intent unknown.
 * @param part `cursor` is where to continue, and moves with every line. `endOffset` is the byte to stop before; a line
 * that is incomplete there is left for later. Without `part`, the whole file is read.
 * @throws LabError CDC-4101 for a torn line elsewhere, a line that is not an entry, or a line longer than 16 MiB.
 */
export async function* readLedgerEntries(
  path: string,
  part?: { readonly cursor: LedgerCursor; readonly endOffset: number },
): AsyncGenerator<LedgerEntry, void, void> {
  const cursor = part?.cursor ?? startOfLedger();
  for await (const { text, bytes, whole } of lines(path, cursor.byteOffset, part?.endOffset)) {
    if (!whole && part !== undefined) return;
    const entry = parseLedgerLine(text, cursor.lineNumber + 1);
    if (cursor.torn !== null && entry?.t !== 'start')
      throw damaged(cursor.torn, 'is torn, and more follows it.');
    cursor.lineNumber += 1;
    cursor.byteOffset += bytes + 1;
    cursor.torn = entry === null ? cursor.lineNumber : null;
    if (entry !== null) yield entry;
  }
}

/**
 * Yields each transaction once, as soon as its outcome is certain, and those that stay unknown at the end. Memory holds
 * only open transactions.
 * @throws LabError CDC-4101 as {@link readLedgerEntries} does; CDC-4102 for an outcome without an intent.
 */
export async function* readLedgerTransactions(path: string): AsyncGenerator<LedgerTransaction, void, void> {
  const open = new Map<number, LedgerIntent>();
  for await (const entry of readLedgerEntries(path)) {
    if (entry.t === 'intent') {
      open.set(entry.tx, entry);
    } else if (entry.t === 'outcome') {
      const opened = open.get(entry.tx);
      // Of two workloads on one file, one may settle a transaction that the other settles or finishes too.
      if (opened === undefined && entry.settled === true) continue;
      if (opened === undefined) {
        throw new LabError(
          'CDC-4102',
          `The ledger has an outcome without an intent: transaction ${entry.tx}.`,
          {
            remedy: 'The file is incomplete: restore it, or verify without a ledger.',
          },
        );
      }
      if (entry.result === 'unknown') continue;
      open.delete(entry.tx);
      yield transaction(opened, entry.result, entry.settled === true);
    }
  }
  for (const opened of open.values()) yield transaction(opened, 'unknown', false);
}

function transaction(
  { tx, xid, writes, at }: LedgerIntent,
  result: LedgerTransaction['result'],
  settled: boolean,
): LedgerTransaction {
  return { tx, xid, writes, result, settled, at };
}

interface Line {
  readonly text: string;
  /** Without its line feed. */
  readonly bytes: number;
  /** False for a last line without a line feed. */
  readonly whole: boolean;
}

/** Lines of a file between two bytes. Memory holds at most one line and one chunk. */
async function* lines(path: string, start: number, endOffset?: number): AsyncGenerator<Line, void, void> {
  if (endOffset !== undefined && endOffset <= start) return;
  const range = endOffset === undefined ? { start } : { start, end: endOffset - 1 };
  let parts: Buffer[] = [];
  let bytes = 0;
  let lineNumber = 1;
  for await (const data of createReadStream(path, { highWaterMark: 256 * 1024, ...range })) {
    const chunk: Buffer = data;
    let from = 0;
    for (let to = chunk.indexOf(10); to !== -1; to = chunk.indexOf(10, from)) {
      bytes += to - from;
      const last = chunk.subarray(from, to);
      const line = parts.length === 0 ? last : Buffer.concat([...parts, last]);
      yield { text: line.toString('utf8'), bytes, whole: true };
      parts = [];
      bytes = 0;
      lineNumber += 1;
      from = to + 1;
    }
    if (from < chunk.length) parts.push(chunk.subarray(from));
    bytes += chunk.length - from;
    if (bytes > MAX_LINE_BYTES) throw damaged(lineNumber, `is longer than ${bytesText(MAX_LINE_BYTES)}.`);
  }
  if (bytes > 0) yield { text: Buffer.concat(parts).toString('utf8'), bytes, whole: false };
}

function damaged(lineNumber: number, what: string): LabError {
  return new LabError('CDC-4101', `Line ${lineNumber} of the ledger ${what}`, {
    remedy: 'The file is damaged or is not a ledger: restore it, or verify without a ledger.',
  });
}
