import { setTimeout as pause } from 'node:timers/promises';
import { pairTables } from '../compare/pairing.ts';
import { readCatalogue } from '../observe/catalogue.ts';
import { Database } from '../postgres.ts';
import { mustHashAlike } from './servers.ts';
import { compareTouched, type DigestedComparison } from './table.ts';
import { type Copy, copyOf, NotExact } from './window.ts';

export interface StillOptions {
  readonly sourceUrl: string;
  readonly sinkUrl: string;
  readonly statementTimeoutMs: number;
  readonly maxSettledKeys: number;
  readonly versionColumn: string;
  /** Between two reads that must be equal. Zero: one read is believed, as of databases that nobody writes to. */
  readonly quietMs: number;
  /** No new read is begun after this, on the clock of `performance.now()`. */
  readonly deadlineAtMs: number;
  readonly signal: AbortSignal;
}

type Answer = DigestedComparison | Error;

/**
 * Compares tables that stand still. It needs nothing but SELECT. A table's answer counts only where two reads, apart
 * in time, gave the same of both sides; a table that keeps moving ends as {@link NotExact}.
 */
export async function compareStill(
  tables: readonly Copy[],
  options: StillOptions,
): Promise<ReadonlyMap<string, Answer>> {
  const { sourceUrl, sinkUrl, statementTimeoutMs, quietMs, signal } = options;
  await using source = await Database.connect('source', sourceUrl, statementTimeoutMs);
  await using sink = await Database.connect('sink', sinkUrl, statementTimeoutMs);
  await mustHashAlike(source, sink);
  const done = new Map<string, Answer>();
  let before = await readAll(source, sink, tables, options);
  if (quietMs === 0) return before;
  for (let open = tables; open.length > 0; ) {
    await pause(quietMs, undefined, { signal });
    const now = await readAll(source, sink, open, options);
    for (const { id } of open) {
      const answer = settled(before.get(id), now.get(id));
      done.set(id, answer);
    }
    open = open.filter(({ id }) => done.get(id) instanceof NotExact);
    before = now;
    if (performance.now() + quietMs >= options.deadlineAtMs) break;
  }
  return done;
}

function settled(before: Answer | undefined, now: Answer | undefined): Answer {
  if (now === undefined || now instanceof Error) return now ?? new Error('it was not read');
  if (before === undefined || before instanceof Error) return new NotExact('it was read only once');
  const moved = before.digests.source !== now.digests.source ? 'the source' : 'the sink';
  const same = before.digests.source === now.digests.source && before.digests.sink === now.digests.sink;
  return same ? now : new NotExact(`${moved} was written between two reads: it does not stand still`);
}

async function readAll(
  source: Database,
  sink: Database,
  tables: readonly Copy[],
  options: StillOptions,
): Promise<ReadonlyMap<string, Answer>> {
  return await source.snapshot(() =>
    sink.snapshot(async () => {
      const [ours, theirs] = await Promise.all([readCatalogue(source), readCatalogue(sink)]);
      const answers = new Map<string, Answer>();
      for (const own of tables) {
        const { id } = own;
        options.signal.throwIfAborted();
        const table = ours.get(id);
        if (table === undefined) answers.set(id, new Error(`${id} is not in the source`));
        else {
          const pair = () => pairTables(table, copyOf(own, theirs));
          const compared = guarded(async () =>
            compareTouched({ source, sink, control: source }, pair(), new Map(), options),
          );
          answers.set(id, await compared);
        }
      }
      return answers;
    }),
  );
}

async function guarded(work: () => Promise<DigestedComparison>): Promise<Answer> {
  try {
    return await work();
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}
