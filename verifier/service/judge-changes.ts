import { settle, type WrongClass, type WrongRow } from '../compare/settle.ts';
import { keyOf, pairTables, type TablePair } from '../compare/table-pair.ts';
import type { VerifierConfig } from '../config.ts';
import type { Touched } from '../exact/touched.ts';
import { resolveKeys } from '../exact/versions.ts';
import { type Catalogues, settledCatalogues, topicsOf } from '../observe/catalogues.ts';
import type { OpenConnections } from '../observe/connections.ts';
import { type PassFence, passFence } from '../observe/fence.ts';
import { PipelineProgress } from '../observe/pipeline-progress.ts';
import { type Finding, finding } from '../report.ts';

const CHECK_OF: Readonly<Record<WrongClass, string>> = {
  missing: 'missing-rows',
  extra: 'extra-rows',
  stale: 'stale-rows',
  corrupted: 'corrupted-rows',
  duplicate: 'duplicates',
};

const FENCE_MS = 15_000;
const SETTLE_ROUNDS = 3;
const EXAMPLES = 5;

export interface JudgeOptions {
  readonly config: VerifierConfig;
  readonly connections: OpenConnections;
  readonly catalogues: Catalogues;
  readonly signal: AbortSignal;
}

export interface JudgedChanges {
  /** Rows that are wrong although their source did not change while the fence was passed. */
  readonly findings: readonly Finding[];
  /** Keys that were found right or wrong. */
  readonly keys: number;
  /** Keys beyond `adaptive.keysPerRound`. They are left to the full verification. */
  readonly keysLeft: number;
  /** Keys that must be judged once more: they changed meanwhile, or the fence was not passed. */
  readonly inFlight: readonly { readonly table: string; readonly key: string }[];
}

/** A table's keys to judge. */
interface ChosenKeys {
  readonly pair: TablePair;
  /** By the comparison's text: the key as it is in the stream. */
  readonly keys: ReadonlyMap<string, string>;
}

/** Judges changed keys behind a fence, reading these keys only. */
export async function judgeChanges(touched: Touched, options: JudgeOptions): Promise<JudgedChanges> {
  const { config, connections } = options;
  const [source, sink] = [await connections.source(), await connections.sink()];
  const fence = fenceOf(options);
  const { chosen, keysLeft } = await choose(touched, options, fence);
  const suspected = chosen.map(({ pair, keys }) => ({ pair, suspects: [...keys.keys()] }));
  const { versionColumn } = config;
  const answers = await settle(source, sink, suspected, {
    rounds: SETTLE_ROUNDS,
    versionColumn,
    passFence: fence,
  });
  const tables = chosen.map(({ pair, keys }, i) => {
    const answer = answers[i] ?? new Error(`${pair.source.id} was not settled`);
    if (answer instanceof Error) throw answer;
    return {
      findings: findingsOf(pair, answer.wrong),
      keys: keys.size - answer.inFlight.length,
      inFlight: answer.inFlight.map((text) => ({ table: pair.source.id, key: keys.get(text) ?? '' })),
    };
  });
  return {
    findings: tables.flatMap(({ findings }) => findings),
    keys: tables.reduce((sum, { keys }) => sum + keys, 0),
    keysLeft,
    inFlight: tables.flatMap(({ inFlight }) => inFlight),
  };
}

/** Chooses as many keys as a round may have. A copy that lacks something is read again: it may have been created since. */
async function choose(
  touched: Touched,
  { config, connections, catalogues }: JudgeOptions,
  fence: PassFence,
): Promise<{ readonly chosen: readonly ChosenKeys[]; readonly keysLeft: number }> {
  const source = await connections.source();
  const expected = catalogues.expected.filter(({ id }) => touched.tables.has(id));
  const { copies } = await settledCatalogues(config, connections, fence, { ...catalogues, expected });
  let room = config.adaptive?.keysPerRound ?? 0;
  let keysLeft = 0;
  const chosen: ChosenKeys[] = [];
  for (const table of expected) {
    const all = [...(touched.tables.get(table.id)?.keys() ?? [])];
    const keys = all.slice(0, room);
    room -= keys.length;
    keysLeft += all.length - keys.length;
    if (keys.length === 0) continue;
    const pair = pairTables(table, copies.get(table.id));
    const resolved = await resolveKeys(source, pair, keys);
    chosen.push({ pair, keys: new Map(resolved.map(({ text }, i) => [text, keys[i] ?? ''])) });
  }
  return { chosen, keysLeft };
}

function fenceOf({ config, connections, catalogues, signal }: JudgeOptions): PassFence {
  return async () => {
    const topics = [...topicsOf(config, catalogues).values()];
    const view = new PipelineProgress(config, connections, async () => topics);
    const { tag } = await passFence(view, { deadlineAtMs: performance.now() + FENCE_MS, signal });
    return tag === 'passed' ? 'passed' : tag === 'in-progress' ? 'sync-in-progress' : 'no-evidence';
  };
}

/** The hop stays unknown: the full verification that follows names it. */
function findingsOf(pair: TablePair, wrong: readonly WrongRow[]): Finding[] {
  return [...Map.groupBy(wrong, (row) => row.class)].map(([name, rows]) => {
    const examples = rows.slice(0, EXAMPLES).map((row) => ({
      key: keyOf(pair, row.keyText),
      columns: [...row.columns],
    }));
    const count = rows.reduce((sum, row) => sum + row.count, 0);
    return finding({
      check: CHECK_OF[name],
      class: name,
      verdict: 'FAIL',
      table: pair.source.id,
      count,
      first: examples[0] ?? null,
      examples,
      detail: `${count} ${name} in ${pair.source.id}, among the rows that were just written`,
    });
  });
}
