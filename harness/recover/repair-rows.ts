import { z } from 'zod';
import { messageOf } from '../../pipeline/contract/errors.ts';
import type { Pair } from '../../verifier/standalone/pair.ts';
import { capturedTables } from '../access/captured-tables.ts';
import { UsageError } from '../errors.ts';
import { defineRecovery, type RecoveryContext } from '../plugins/recovery.ts';
import { until } from '../wait.ts';
import { applyRepair, isWrite, repairsIn } from './lib/apply-repair.ts';

/**
 * For what no snapshot brings: rows that the source no longer has. No event says so, and the verifier, which adds up what
 * the events make, reports that once more; when further changes have arrived, as of a snapshot, it calls it healed. A statement names the row that it expects, so that one
 * which the pipeline has written meanwhile is left alone, and with it the whole repair.
 */
export default defineRecovery({
  description: 'compare source and sink, and change the rows of the sink that differ: all of them, or none',
  params: z.strictObject({}),
  example: {},
  safeWhen: 'the pipeline runs and has nothing wrong left in it: what is wrong there comes again',
  loses: 'rows of the sink that the source does not have, and values that differ from the source’s',
  undo: 'there is none; cdc-lab verify --repair FILE writes the same statements, with the old values, for a review',
  isOneStep: true,

  typed: () => ['repair', 'rows'],

  async plan(context) {
    const writes = (await statementsFor(context)).filter(isWrite);
    if (writes.length === 0)
      return { does: ['nothing: no row differs'], commands: [], loses: null, undo: null };
    return {
      does: [
        `runs ${writes.length} statements on the sink in one transaction, each of which must find its row`,
      ],
      commands: ['BEGIN;', ...writes.map((statement) => `${statement};`), 'COMMIT;'],
      loses: `${writes.length} rows of the sink are changed or deleted.`,
      undo: null,
    };
  },

  async run(context) {
    const statements = await statementsFor(context);
    if (statements.length === 0) return { said: 'no row differs', evidence: { rows: 0 } };
    const matched = await applyRepair(context.instance, statements);
    const rows = matched.reduce((sum, count) => sum + count, 0);
    // The events still make other sums than the rows: what was found once, and is over, counts as healed from now on.
    const { verdict } = await context.access.verify({
      deadlineMs: context.withinMs,
      quiet: true,
      signal: context.signal,
    });
    return {
      said: `${matched.length} statements changed ${rows} rows of the sink`,
      evidence: { rows, verdict },
    };
  },
});

/** The statements that would repair the sink, once it has applied what the topics hold; none if no row differs. */
async function statementsFor(context: RecoveryContext): Promise<string[]> {
  const { access, signal, withinMs } = context;
  await until(async () => (await access.lag()).events === 0 || undefined, {
    what: 'the sink to apply what the topics hold',
    withinMs,
    signal,
  });
  await using pair = await pairFor(context);
  const { report, repair } = await pair.verify(signal);
  if (report.verdict === 'INCONCLUSIVE') {
    const [check] = report.checks.filter(({ verdict }) => verdict === 'INCONCLUSIVE');
    throw new UsageError(
      `source and sink cannot be compared: ${check?.detail ?? 'no check says why'}`,
      'cdc-lab status says what keeps it from it',
    );
  }
  return repair === null ? [] : repairsIn(repair, 'the repair');
}

async function pairFor({ access, instance, withinMs }: RecoveryContext): Promise<Pair> {
  // The whole verifier: loaded only when something is to be compared.
  const { openPair, pairOf } = await import('../../verifier/standalone/pair.ts');
  if (instance.reach !== undefined)
    return pairOf({ ...instance.reach.verifierConfig(), deadlineMs: withinMs });
  const tables = await capturedTables(access, instance);
  try {
    return await openPair({
      ...{ source: instance.sourceUrl, sink: instance.sinkUrl, tables, excludeTables: [], map: [] },
      ...{ softDelete: undefined, fence: 'slot', progressSlot: instance.slot, subscription: undefined },
      ...{
        deadlineMs: withinMs,
        versionColumn: 'version',
        passwords: { source: undefined, sink: undefined },
      },
    });
  } catch (error) {
    throw new UsageError(
      messageOf(error),
      'cdc-lab slot list and cdc-lab connectors say whether the capture runs',
    );
  }
}
