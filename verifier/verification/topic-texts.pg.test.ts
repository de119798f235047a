import { expect, test } from 'vitest';
import { readKeys } from '../compare/read-keys.ts';
import { judge } from '../compare/settle.ts';
import { pairTables } from '../compare/table-pair.ts';
import { underSettings } from '../observe/sink/copy-shape.ts';
import { readCatalogue } from '../observe/source/catalogue.ts';
import { valueSettingsIn } from '../observe/source/value-settings.ts';
import { readEvent } from '../observe/topic/envelope.ts';
import type { TopicHistory, TopicRecord } from '../observe/topic/topic-history.ts';
import { type DatabasePair, databasePair } from '../testing/databases.ts';
import { attribute } from './attribute.ts';
import { topicTexts } from './topic-texts.ts';

interface RuledColumn {
  readonly types: readonly [source: string, sink: string];
  /** The source's value, and another one. */
  readonly right: string;
  readonly wrong: string;
  /** JSON of both in an event, and what its schema says of the field. */
  readonly inEvent: readonly [right: string, wrong: string];
  readonly schema?: Readonly<Record<string, unknown>>;
  /** SQL of both in the sink. */
  readonly inSink: readonly [right: string, wrong: string];
}

/** A record that says that row 1 has this value. */
function recordOf(json: string, schema: object = {}): TopicRecord {
  const after = { field: 'after', fields: [{ field: 'v', ...schema }] };
  const value = `{"schema":{"fields":[${JSON.stringify(after)}]},"payload":{"op":"u","after":{"id":1,"v":${json}}}}`;
  const event = readEvent(Buffer.from(value)) ?? null;
  return { topic: 't', partition: 0, offset: 7n, event, position: null, lsn: null, content: '' };
}

const CASES: readonly RuledColumn[] = [
  {
    types: ['int', 'numeric(12,2)'],
    ...{ right: '5', wrong: '6', inEvent: ['5', '6'], inSink: ['5.00', '6.00'] },
  },
  {
    types: ['date', 'timestamptz'],
    ...{ right: '2026-01-02', wrong: '2026-01-03', inEvent: ['20455', '20456'] },
    schema: { name: 'io.debezium.time.Date' },
    inSink: ['2026-01-02 00:00+00', '2026-01-03 00:00+00'],
  },
  {
    types: ['date', 'date'],
    ...{ right: 'infinity', wrong: '-infinity', inEvent: ['-2147472692', '-2147472691'] },
    schema: { name: 'io.debezium.time.Date' },
    inSink: ['infinity', '-infinity'],
  },
  {
    types: ['json', 'jsonb'],
    ...{ right: '{"a":1}', wrong: '{"a":2}', inEvent: ['"{\\"a\\":1}"', '"{\\"a\\":2}"'] },
    inSink: ['{"a": 1}', '{"a": 2}'],
  },
  {
    types: ['interval', 'interval'],
    ...{ right: '1 mon', wrong: '2 mons', inEvent: ['2629800000000', '5259600000000'] },
    schema: { name: 'io.debezium.time.MicroDuration' },
    inSink: ['730:30:00', '1461:00:00'],
  },
  {
    types: ['numeric', 'numeric'],
    ...{ right: '1.500', wrong: '2.500' },
    inEvent: ['{"scale":1,"value":"Dw=="}', '{"scale":1,"value":"GQ=="}'],
    inSink: ['1.5', '2.5'],
  },
  {
    types: ['int[]', 'text[]'],
    ...{ right: '{1,NULL}', wrong: '{2,NULL}', inEvent: ['[1,null]', '[2,null]'] },
    inSink: ['{1,NULL}', '{2,NULL}'],
  },
  {
    types: ['time', 'timetz'],
    ...{ right: '03:04:05.6', wrong: '03:04:05.7', inEvent: ['11045600000', '11045700000'] },
    schema: { name: 'io.debezium.time.MicroTime' },
    inSink: ['03:04:05.6+00', '03:04:05.7+00'],
  },
  {
    types: ['varbit(8)', 'varbit(8)'],
    ...{ right: '101', wrong: '111', inEvent: ['"BQ=="', '"Bw=="'] },
    schema: { name: 'io.debezium.data.Bits' },
    inSink: ['00000101', '00000111'],
  },
];

async function hopFor(pair: DatabasePair, record: TopicRecord): Promise<string> {
  const [ours, theirs] = [await readCatalogue(pair.source), await readCatalogue(pair.sink)];
  const [table, copy] = [ours.get('public.items'), theirs.get('public.items')];
  if (table === undefined || copy === undefined) throw new Error('no table');
  const settings = valueSettingsIn({ 'connector.class': 'x.PostgresConnector' }) ?? undefined;
  const compared = pairTables(table, underSettings(copy, settings));
  const key = '["1"]';
  const source = (await readKeys(pair.source, compared, 'source', [key])).get(key);
  const sink = (await readKeys(pair.sink, compared, 'sink', [key])).get(key);
  if (source === undefined || sink === undefined) throw new Error('no row');
  const [wrong] = judge(compared, key, source, sink, 'version');
  if (wrong === undefined) return 'right';
  const history: TopicHistory = {
    ...{ records: new Map([[key, [record]]]), truncates: [], columns: new Set(), complete: true, reason: '' },
  };
  const texts = await topicTexts(pair.source, compared, [record]);
  return attribute(compared, wrong, history, { texts }).hop;
}

test.each(CASES.map((one) => [one.types.join(' > '), one] as const))(
  'a wrong %s is blamed on the hop whose value is wrong',
  async (_, { types, right, inEvent, schema, inSink }) => {
    await using pair = await databasePair();
    await pair.onSource(
      `CREATE TABLE items (id int PRIMARY KEY, v ${types[0]}); INSERT INTO items VALUES (1, '${right}')`,
    );
    await pair.onSink(`SET TIME ZONE 'UTC'; CREATE TABLE items (id int PRIMARY KEY, v ${types[1]});
      INSERT INTO items VALUES (1, '${inSink[0]}')`);
    const [faithful, false_] = inEvent.map((json) => recordOf(json, schema)) as [TopicRecord, TopicRecord];
    expect(await hopFor(pair, faithful)).toBe('right');
    await pair.onSink(`UPDATE items SET v = '${inSink[1]}'`);
    expect(await hopFor(pair, faithful)).toBe('sink');
    expect(await hopFor(pair, false_)).toBe('capture');
  },
);

test('a value of the topic that its type does not read is no value of the source', async () => {
  await using pair = await databasePair();
  await pair.onSource(
    'CREATE TABLE items (id int PRIMARY KEY, v json); INSERT INTO items VALUES (1, \'{"a":1}\')',
  );
  await pair.onSink(
    'CREATE TABLE items (id int PRIMARY KEY, v jsonb); INSERT INTO items VALUES (1, \'{"a":2}\')',
  );
  expect(await hopFor(pair, recordOf('"{"'))).toBe('capture');
  expect(await hopFor(pair, recordOf('"{\\"a\\":1}"'))).toBe('sink');
});

test.each([
  ['text', 'x', '"__debezium_unavailable_value"'],
  ['bytea', '\\x01', '"X19kZWJleml1bV91bmF2YWlsYWJsZV92YWx1ZQ=="'],
  ['text[]', '{x}', '["__debezium_unavailable_value"]'],
  ['uuid[]', '{1c15ffc5-b82d-4b2e-a8ae-7a1ac75b4bd6}', '["b68a35a7-17ad-35b3-af2a-ae46edb4545a"]'],
  ['int[]', '{1}', JSON.stringify([...Buffer.from('__debezium_unavailable_value')])],
])('the placeholder of an unchanged %s says nothing of the row', async (type, value, inEvent) => {
  await using pair = await databasePair();
  for (const [on, other] of [
    [pair.onSource, 'a'],
    [pair.onSink, 'b'],
  ] as const)
    await on(`CREATE TABLE items (id int PRIMARY KEY, v ${type}, w text);
      INSERT INTO items VALUES (1, '${value}', '${other}')`);
  const record = recordOf(inEvent);
  const { event } = record;
  if (event === null) throw new Error('no event');
  const after = { ...event.after, w: 'a' };
  expect(await hopFor(pair, { ...record, event: { ...event, after } })).toBe('sink');
});
