import { type Settled, settle, type WrongClass, type WrongRow } from '../compare/settle.ts';
import { isConfigured, keyOf, pairTables, type TablePair } from '../compare/table-pair.ts';
import type { VerifierConfig } from '../config.ts';
import type { Database } from '../connection/postgres.ts';
import type { Touched } from '../exact/touched.ts';
import { resolveKeys } from '../exact/versions.ts';
import { captureSettings } from '../observe/capture-settings.ts';
import { type Catalogues, settledCatalogues, topicsOf } from '../observe/catalogues.ts';
import type { OpenConnections } from '../observe/connections.ts';
import { type PassFence, passFence } from '../observe/fence.ts';
import { PipelineProgress } from '../observe/pipeline-progress.ts';
import { underSettings } from '../observe/sink/copy-shape.ts';
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
  const { versionColumn } = config;
  const judge = async (some: readonly ChosenKeys[]): Promise<readonly JudgedKeys[]> => {
    const suspected = some.map(({ pair, keys }) => ({ pair, suspects: [...keys.keys()] }));
    const rules = { rounds: SETTLE_ROUNDS, versionColumn, passFence: fence };
    const answers = await settle(source, sink, suspected, rules);
    return some.map((own, i) => {
      const answer = answers[i] ?? new Error(`${own.pair.source.id} was not settled`);
      if (answer instanceof Error) throw answer;
      return { ...own, ...answer };
    });
  };
  const judged = await judge(chosen);
  const changed = judged.filter(({ wrong }) => wrong.length > 0);
  const again = await judge(await underCaptureSettings(source, changed, config));
  const answered = judged.map(
    (one) => again.find(({ pair }) => pair.source.id === one.pair.source.id) ?? one,
  );
  const tables = answered.map(({ pair, keys, wrong, inFlight }) => ({
    findings: findingsOf(pair, wrong),
    keys: keys.size - inFlight.length,
    inFlight: inFlight.map((text) => ({ table: pair.source.id, key: keys.get(text) ?? '' })),
  }));
  return {
    findings: tables.flatMap(({ findings }) => findings),
    keys: tables.reduce((sum, { keys }) => sum + keys, 0),
    keysLeft,
    inFlight: tables.flatMap(({ inFlight }) => inFlight),
  };
}

interface JudgedKeys extends ChosenKeys, Pick<Settled, 'wrong' | 'inFlight'> {}

/** The tables of which a setting of the capture changes values: their copies must have the changed values. */
async function underCaptureSettings(
  source: Database,
  chosen: readonly ChosenKeys[],
  config: VerifierConfig,
): Promise<readonly ChosenKeys[]> {
  const settings = chosen.length === 0 ? undefined : await captureSettings(config);
  const again: ChosenKeys[] = [];
  for (const { pair: before, keys } of chosen) {
    const pair = pairTables(before.source, before.sink && underSettings(before.sink, settings));
    if (isConfigured(pair)) again.push({ pair, keys: await byText(source, pair, [...keys.values()]) });
  }
  return again;
}

/** Keys as they are in the stream, by the comparison's text. */
async function byText(
  source: Database,
  pair: TablePair,
  keys: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  const resolved = await resolveKeys(source, pair, keys);
  return new Map(resolved.map(({ text }, i) => [text, keys[i] ?? '']));
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
    chosen.push({ pair, keys: await byText(source, pair, keys) });
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
