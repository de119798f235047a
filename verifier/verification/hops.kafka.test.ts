import { expect, test } from 'vitest';
import { createTopic } from '../../fixtures/testing/create-topic.ts';
import type { Report } from '../report.ts';
import { commitOffset } from '../testing/kafka.ts';
import { insert, play, position, row } from '../testing/played.ts';

function hopsOf(report: Report): unknown[] {
  return report.findings
    .filter(({ class: name }) => name !== 'alert')
    .map(({ class: name, hop, count, first }) => [name, hop, count, first?.key.id]);
}

test('the sink lost a row that is in the topic, and the capture lost a row that is not', async () => {
  await using played = await play();
  for (const id of [1, 2, 3]) await played.pair.onSource(insert(id, 'a', 1));
  await played.pair.onSink(insert(1, 'a', 1));
  await played.produce([row(1, 'a', 1), row(2, 'a', 1)]);
  await played.commit();
  expect(hopsOf(await played.report())).toEqual([
    ['missing', 'sink', 1, '2'],
    ['missing', 'capture', 1, '3'],
  ]);
});

test('a stale row is the sink’s fault if the topic has the newer image, else the capture’s', async () => {
  await using played = await play();
  for (const id of [1, 2]) await played.pair.onBoth(insert(id, 'old', 1));
  for (const id of [1, 2]) await played.pair.onSource(insert(id, 'new', 2));
  await played.produce([row(1, 'old', 1), row(2, 'old', 1), row(1, 'new', 2, 'u')]);
  await played.commit();
  expect(hopsOf(await played.report())).toEqual([
    ['stale', 'sink', 1, '1'],
    ['stale', 'capture', 1, '2'],
  ]);
});

test('an older record that is repeated later does not make the topic stale', async () => {
  await using played = await play();
  await played.pair.onBoth(insert(1, 'old', 1));
  await played.pair.onSource(insert(1, 'new', 2));
  await played.produce([row(1, 'old', 1), row(1, 'new', 2, 'u'), row(1, 'old', 1)]);
  await played.commit();
  expect(hopsOf(await played.report())).toEqual([['stale', 'sink', 1, '1']]);
});

test('an earlier image is stale even if the version column does not show it', async () => {
  await using played = await play();
  await played.pair.onSource(insert(1, 'new', 5));
  await played.pair.onSink(insert(1, 'old', 5));
  await played.produce([row(1, 'old', 5), { ...row(1, 'new', 5, 'u'), position: position(999) }]);
  await played.commit();
  expect(hopsOf(await played.report())).toEqual([['stale', 'sink', 1, '1']]);
});

test('an older image that the capture placed behind the end of the WAL is the capture’s fault', async () => {
  await using played = await play();
  await played.pair.onBoth(insert(1, 'old', 1));
  await played.pair.onSource(insert(1, 'new', 2));
  const ahead = position(1).replace(/-[0-9A-F]{16}-/, '-7FFFFFFFFFFFFFFF-');
  await played.produce([{ ...row(1, 'old', 1), position: ahead }, row(1, 'new', 2, 'u')]);
  await played.commit();
  expect(hopsOf(await played.report())).toContainEqual(['stale', 'capture', 1, '1']);
});

test('values that no record ever had were corrupted by the sink', async () => {
  await using played = await play();
  await played.pair.onSource(insert(1, 'right', 1));
  await played.pair.onSink(insert(1, 'never', 1));
  await played.produce([row(1, 'right', 1)]);
  await played.commit();
  const report = await played.report();
  expect(hopsOf(report)).toEqual([['corrupted', 'sink', 1, '1']]);
  expect(report.findings[0]?.first?.columns).toEqual(['name']);
});

test('an extra row is the sink’s fault if the topic deletes it or never had it, and the capture’s if the delete is missing', async () => {
  await using played = await play();
  for (const id of [1, 2, 3]) await played.pair.onSink(insert(id, 'a', 1));
  const gone = {
    key: { id: 1 },
    value: { op: 'd', before: { id: 1 }, after: null },
    position: position(500),
  };
  await played.produce([
    row(1, 'a', 1),
    gone,
    { key: { id: 1 }, value: null, position: position(500) },
    row(2, 'a', 1),
  ]);
  await played.commit();
  expect(hopsOf(await played.report())).toEqual([
    ['extra', 'sink', 2, '1'],
    ['extra', 'capture', 1, '2'],
  ]);
});

test('rows that a TRUNCATE should have removed are the sink’s fault', async () => {
  await using played = await play();
  await played.pair.onSink(insert(1, 'a', 1));
  await played.produce([
    row(1, 'a', 1),
    { key: null, value: { op: 't', after: null }, position: position(9999) },
  ]);
  await played.commit();
  expect(hopsOf(await played.report())).toEqual([['extra', 'sink', 1, '1']]);
});

test('two tables whose topics have one name are compared, and no record of one explains a row of the other', async () => {
  await using played = await play({ tableMap: { '"a.b".c': '"a.b".c', 'a."b.c"': 'a."b.c"' } });
  const { pair, kafka, admin, config } = played;
  await pair.onBoth('CREATE SCHEMA "a.b"; CREATE SCHEMA a');
  for (const table of ['"a.b".c', 'a."b.c"'])
    await pair.onBoth(`CREATE TABLE ${table} (LIKE items INCLUDING ALL)`);
  const inTo = (table: string) => insert(1, 'a', 1).replace('items', table);
  await pair.onSource(inTo('"a.b".c'));
  await pair.onBoth(inTo('a."b.c"'));
  const topic = `${config.topicPrefix}.a.b.c`;
  await createTopic(admin, topic);
  const producer = kafka.producer();
  await producer.connect();
  const { key, value, position: at } = row(1, 'a', 1);
  const message = { key: JSON.stringify(key), value: JSON.stringify(value), headers: { 'cdc.position': at } };
  await producer.send({ topic, messages: [message] });
  await producer.disconnect();
  await played.commit();
  await commitOffset(kafka, config.consumerGroup ?? '', topic, '1');

  const wrong = await played.report();
  expect(hopsOf(wrong)).toEqual([['missing', 'unknown', 1, '1']]);
  expect(wrong.findings[0]?.table).toBe('"a.b".c');
  await pair.onSink(inTo('"a.b".c'));
  const equal = await played.report();
  expect(equal).toMatchObject({ verdict: 'INCONCLUSIVE', coverage: 1 });
  expect(hopsOf(equal)).toEqual([]);
  expect(equal.checks.find(({ check }) => check === 'row-counts')?.detail).toContain(
    `the topic ${topic} carries a."b.c" and "a.b".c, whose records cannot be told apart`,
  );
  await admin.deleteTopics({ topics: [topic] });
});

test('a sink that is behind and makes no progress is not judged by its rows', async () => {
  await using played = await play();
  await played.pair.onSource(insert(1, 'a', 1));
  await played.produce([row(1, 'a', 1)]);
  await played.commit(1);
  const report = await played.report(1_500);
  expect(report.verdict).toBe('INCONCLUSIVE');
  expect(report.tables).toEqual([]);
  expect(report.progress).toMatchObject({ fencePassed: false, eventsBehind: 1 });
});

test('a sink that catches up in time passes the fence', async () => {
  await using played = await play();
  await played.pair.onBoth(insert(1, 'a', 1));
  await played.produce([row(1, 'a', 1)]);
  await played.commit(1);
  setTimeout(() => void played.commit(), 800);
  expect((await played.report()).checks.find(({ check }) => check === 'fence')?.verdict).toBe('PASS');
});
