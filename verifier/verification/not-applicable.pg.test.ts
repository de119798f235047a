import { expect, test } from 'vitest';
import { makeTestFolder } from '../../fixtures/testing/test-folder.ts';
import { type Check, notApplicable } from '../check.ts';
import { parseConfig } from '../config.ts';
import { loadChecks } from '../load-checks.ts';
import type { Report } from '../report.ts';
import type { DatabasePair } from '../testing/databases.ts';
import { shop } from '../testing/shop.ts';
import { verify } from './verify.ts';

async function report(pair: DatabasePair, checks: readonly Check[]): Promise<Report> {
  const config = parseConfig(
    {
      ...{ port: 0, stateDir: makeTestFolder(), kafka: null, fence: 'none' },
      source: { url: pair.sourceUrl, slot: null },
      sink: { url: pair.sinkUrl },
    },
    'test',
  );
  return await verify({ config, checks, deadlineMs: 5_000 });
}

test('between two plain databases, checks that have nothing to look at are not applicable, and the verdict is PASS', async () => {
  await using pair = await shop();
  const made = await report(pair, await loadChecks());
  const named = (wanted: string) =>
    made.checks.filter(({ status }) => status === wanted).map(({ check }) => check);
  expect(named('not-applicable')).toEqual([
    ...[
      'fence',
      'atomicity',
      'connector-state',
      'consumer-lag',
      'dead-letters',
      'effects',
      'foreign-writers',
    ],
    ...['freshness', 'ledger', 'order', 'orphans', 'processing-log', 'publication', 'resurrected-rows'],
    ...['slot-health', 'subscription-state'],
  ]);
  expect(named('judged')).toEqual([
    ...['corrupted-rows', 'duplicates', 'extra-rows', 'missing-rows', 'row-counts'],
    ...['schema-compatibility', 'stale-rows'],
  ]);
  expect(made.verdict).toBe('PASS');
});

test('if no check had anything to look at, the verdict is INCONCLUSIVE', async () => {
  await using pair = await shop();
  const idle: Check = {
    ...{ name: 'idle', describe: 'Nothing.', needsFence: false },
    run: async () => notApplicable('nothing is there'),
  };
  expect((await report(pair, [idle])).verdict).toBe('INCONCLUSIVE');
});
