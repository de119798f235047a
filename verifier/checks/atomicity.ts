import { existsSync } from 'node:fs';
import { type Check, type CheckResult, notApplicable, pass } from '../check.ts';
import type { Database } from '../connection/postgres.ts';
import type { Catalogues } from '../observe/catalogues.ts';
import { eachTable, type Walk } from '../observe/each-table.ts';
import type { LedgerIntent, LedgerWrite } from '../observe/ledger/ledger.ts';
import { readTail } from '../observe/ledger/ledger-tail.ts';
import { keyText, readVersions } from '../observe/ledger/settlement.ts';
import type { Table } from '../observe/source/catalogue.ts';
import { type Example, finding, MAX_EXAMPLES } from '../report.ts';
import { withUnread } from '../verification/unread-tables.ts';

const name = 'atomicity';
/** The last transactions of the ledger that are looked for in the sink. */
const TRANSACTIONS = 500;

/**
 * In one snapshot of the sink, each transaction must show all of its rows or none. The ledger says which rows belong to
 * one transaction; writes may continue. A pipeline that applies each topic separately does not promise this: then the
 * number of torn transactions is only reported.
 */
export default {
  name,
  describe: 'If the pipeline promises it, the sink shows each transaction as a whole or not at all.',
  needsFence: false,
  async run({ config, databases, evidence }): Promise<CheckResult> {
    const { atomic, subscription } = config.sink;
    const isPromised = atomic ?? subscription !== null;
    const path = config.ledger;
    if (path === null || !existsSync(path)) {
      const blind = 'there is no ledger, so it is not known which rows belong to one transaction';
      // If the promise is only inferred from the kind of pipeline, missing evidence is not held against it.
      return atomic === true
        ? { verdict: 'INCONCLUSIVE', detail: blind, findings: [] }
        : notApplicable(blind);
    }
    const catalogues = await evidence.catalogues();
    const sink = await databases.sink();
    const { seen, torn, unread } = await look(sink, catalogues, readTail(path), config.versionColumn);
    const detail = `one snapshot of the sink showed ${torn.length} of ${seen} transactions only in part`;
    if (!isPromised) return notApplicable(`the pipeline does not promise atomicity; ${detail}`);
    return withUnread(name, judged(seen, torn, detail), unread);
  },
} satisfies Check;

function judged(seen: number, torn: readonly Example[], detail: string): CheckResult {
  const blind = 'the ledger has no transaction with several rows';
  if (seen === 0) return { verdict: 'INCONCLUSIVE', detail: blind, findings: [] };
  if (torn.length === 0) return pass(detail);
  const examples = torn.slice(0, MAX_EXAMPLES);
  const about = { check: name, class: 'torn', verdict: 'FAIL', hop: 'sink', detail } as const;
  const first = examples[0] ?? null;
  return { verdict: 'FAIL', detail, findings: [finding({ ...about, count: torn.length, first, examples })] };
}

type Versions = ReadonlyMap<string, ReadonlyMap<string, string | null>>;

/** Which of the ledger's last transactions one snapshot of the sink shows only in part. */
async function look(
  sink: Database,
  { copies, source }: Catalogues,
  intents: readonly LedgerIntent[],
  versionColumn: string,
): Promise<{ seen: number; torn: readonly Example[]; unread: Walk<unknown>['unread'] }> {
  const last = intents.slice(-TRANSACTIONS);
  // A row that a later transaction wrote again says nothing about an earlier one.
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
  const keyedCopies = [...wanted].flatMap(([id, own]) => {
    const copy = keyed(copies.get(id), source.get(id));
    return copy === undefined ? [] : [[id, { copy, keys: own.map(({ write }) => write) }] as const];
  });
  const { answers, unread } = await sink.snapshot(() =>
    eachTable(keyedCopies, ({ copy, keys }) =>
      sink.savepoint(() => readVersions(sink, copy, keys, versionColumn)),
    ),
  );
  return { ...tornAmong(last, writes, answers, source), unread };
}

/** The copy with the source's key columns: the copy of an insert-only sink has no key. */
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
      detail: `${there} of its ${shown.length} rows are in the sink`,
    });
  }
  return { seen, torn };
}
