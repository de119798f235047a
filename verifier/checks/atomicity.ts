import { existsSync } from 'node:fs';
import { type Check, type CheckContext, type CheckResult, pass } from '../check.ts';
import type { LedgerIntent, LedgerWrite } from '../observe/ledger/ledger.ts';
import { readTail } from '../observe/ledger/ledger-tail.ts';
import { keyText, readVersions } from '../observe/ledger/settlement.ts';
import type { Table } from '../observe/source/catalogue.ts';
import type { Example } from '../report.ts';
import { finding } from '../report.ts';

const name = 'atomicity';
/** Of the last transactions with several rows, so many are looked for. */
const TRANSACTIONS = 500;
const EXAMPLES = 5;

/**
 * In one snapshot of the sink, of each transaction all rows or none: seen by the ledger, while writes go on. A pipeline
 * that applies each topic by itself does not promise it; then how much is torn is told, and is no fault.
 */
export default {
  name,
  describe: 'The sink shows each transaction as a whole or not at all, where the pipeline promises it.',
  needsFence: false,
  async run(context): Promise<CheckResult> {
    const { atomic, subscription } = context.config.sink;
    const isPromised = atomic ?? subscription !== null;
    const path = context.config.ledger;
    if (path === null || !existsSync(path)) {
      const blind = 'no ledger: which rows are of one transaction is not known';
      // Where the promise is only inferred, nobody asked for it to be judged.
      return atomic === true ? { verdict: 'INCONCLUSIVE', detail: blind, findings: [] } : pass(blind);
    }
    const { seen, torn } = await look(context, readTail(path));
    const told = `${torn.length} of ${seen} transactions in part at one snapshot of the sink`;
    if (!isPromised) return pass(`the pipeline does not promise it; ${told}`);
    if (seen === 0)
      return { verdict: 'INCONCLUSIVE', detail: 'the ledger has no such transaction', findings: [] };
    if (torn.length === 0) return pass(told);
    const examples = torn.slice(0, EXAMPLES);
    const about = { check: name, class: 'torn', verdict: 'FAIL', hop: 'sink', detail: told } as const;
    const first = examples[0] ?? null;
    return {
      verdict: 'FAIL',
      detail: told,
      findings: [finding({ ...about, count: torn.length, first, examples })],
    };
  },
} satisfies Check;

type Versions = ReadonlyMap<string, ReadonlyMap<string, string | null>>;

/** What one snapshot of the sink shows of the ledger's last transactions. */
async function look(
  context: CheckContext,
  intents: readonly LedgerIntent[],
): Promise<{ seen: number; torn: readonly Example[] }> {
  const { copies, source } = await context.catalogues();
  const last = intents.slice(-TRANSACTIONS);
  // What a later transaction wrote again, or deleted, says nothing of an earlier one.
  const writes = new Map<string, { write: LedgerWrite; tx: number }[]>();
  for (const { tx, writes: own } of last) {
    for (const write of own) {
      const key = source.get(write.table);
      if (key === undefined || !copies.has(write.table)) continue;
      const id = `${write.table} ${keyText(key, write)}`;
      writes.set(id, [...(writes.get(id) ?? []), { write, tx }]);
    }
  }
  const wanted = Map.groupBy(
    [...writes.values()].flatMap((all) => all.slice(-1)),
    ({ write }) => write.table,
  );
  const sink = await context.sink();
  const versions: Versions = await sink.snapshot(async () => {
    const read = new Map<string, ReadonlyMap<string, string | null>>();
    for (const [id, own] of wanted) {
      const copy = keyed(copies.get(id), source.get(id));
      if (copy === undefined) continue;
      const keys = own.map(({ write }) => write);
      read.set(id, await readVersions(sink, copy, keys, context.config.versionColumn));
    }
    return read;
  });
  return tornAmong(last, writes, versions, source);
}

/** The copy with the source's key: an inserting sink's has none of its own. */
function keyed(copy: Table | undefined, table: Table | undefined): Table | undefined {
  if (copy === undefined || table === undefined || table.key.length === 0) return undefined;
  const has = (name: string): boolean => copy.columns.some((column) => column.name === name);
  return table.key.every(({ name: column }) => has(column)) ? { ...copy, key: table.key } : undefined;
}

function tornAmong(
  intents: readonly LedgerIntent[],
  writes: ReadonlyMap<string, readonly { write: LedgerWrite; tx: number }[]>,
  versions: Versions,
  source: ReadonlyMap<string, Table>,
): { seen: number; torn: readonly Example[] } {
  const torn: Example[] = [];
  let seen = 0;
  for (const { tx, xid, writes: own } of intents) {
    const shown: boolean[] = [];
    for (const write of own) {
      const table = source.get(write.table);
      const read = versions.get(write.table);
      if (table === undefined || read === undefined) continue;
      const key = keyText(table, write);
      const latest = writes.get(`${write.table} ${key}`)?.at(-1);
      if (latest?.tx !== tx || latest.write !== write) continue;
      const version = read.get(key);
      if (write.op === 'd') shown.push(version === undefined);
      else
        shown.push(version !== undefined && (version === null || BigInt(version) >= BigInt(write.version)));
    }
    if (shown.length < 2) continue;
    seen++;
    if (!shown.includes(true) || !shown.includes(false)) continue;
    const there = shown.filter(Boolean).length;
    torn.push({
      key: { xid },
      columns: [],
      detail: `${there} of ${shown.length} rows of it are in the sink`,
    });
  }
  return { seen, torn };
}
