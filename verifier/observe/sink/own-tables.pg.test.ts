import { expect, test } from 'vitest';
import { makeTestFolder } from '../../../fixtures/testing/test-folder.ts';
import { BOOKKEEPING_TABLES, METADATA_COLUMNS } from '../../../pipeline/contract/sink-tables.ts';
import { parseConfig } from '../../config.ts';
import { Database } from '../../connection/postgres.ts';
import { loadChecks } from '../../load-checks.ts';
import { shop } from '../../testing/shop.ts';
import { verify } from '../../verification/verify.ts';
import { ownTable } from './own-tables.ts';
import { storedOffsets } from './stored-offsets.ts';

const OTHER_SHAPES = [
  'id int PRIMARY KEY, seen boolean',
  'topic int, partition text, position text, key jsonb',
];

test.each(OTHER_SHAPES)(
  'tables of somebody else with the names of the sink’s own, (%s), change no verdict',
  async (columns) => {
    await using pair = await shop();
    for (const name of BOOKKEEPING_TABLES) await pair.onSink(`CREATE TABLE ${name} (${columns})`);
    const report = await verified(pair);
    expect(report.checks.filter(({ verdict }) => verdict !== 'PASS')).toEqual([]);
    expect(report.verdict).toBe('PASS');
    await using sink = await Database.connect('sink', pair.sinkUrl, 5_000);
    const from = { schema: 'public', connectors: [], topics: ['p.public.orders'] };
    expect(await storedOffsets(sink, from, 5_000)).toEqual({ offsets: new Map(), topicIds: new Map() });
  },
);

test('columns of a copy with the names of the sink’s own and other types change no verdict', async () => {
  await using pair = await shop();
  for (const name of Object.values(METADATA_COLUMNS)) {
    await pair.onSink(`ALTER TABLE orders ADD COLUMN ${name} jsonb DEFAULT '{}'`);
  }
  const report = await verified(pair);
  expect(report.checks.filter(({ verdict }) => verdict !== 'PASS')).toEqual([]);
  expect(report.verdict).toBe('PASS');
});

test('a table is the sink’s own if it has the columns that are read, whatever else it has', async () => {
  await using pair = await shop();
  await pair.onSink('CREATE TABLE _cdc_stats (topic text, applied int, more point)');
  await using sink = await Database.connect('sink', pair.sinkUrl, 5_000);
  const found = (needs: Parameters<typeof ownTable>[3]) => ownTable(sink, 'public', '_cdc_stats', needs);
  expect(await found({ topic: 'text', applied: 'number' })).toBe('"public"."_cdc_stats"');
  expect(await found({ topic: 'text', applied: 'text' })).toBeNull();
  expect(await found({ topic: 'text', suppressed: 'number' })).toBeNull();
});

async function verified(pair: { readonly sourceUrl: string; readonly sinkUrl: string }) {
  const config = parseConfig(
    {
      ...{ port: 0, stateDir: makeTestFolder(), kafka: null, deadlineMs: 5_000, topicPrefix: 'p' },
      source: { url: pair.sourceUrl, slot: null },
      sink: { url: pair.sinkUrl },
    },
    'test',
  );
  return await verify({ config, checks: await loadChecks(), deadlineMs: 5_000 });
}
