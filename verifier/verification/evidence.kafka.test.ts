import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { createTopic } from '../../fixtures/testing/create-topic.ts';
import { topicIds } from '../observe/topic/topic-ids.ts';
import type { Report } from '../report.ts';
import { insert, type Played, play, position, row } from '../testing/played.ts';
import { VerifierMemory } from './verifier-memory.ts';

const verdictOf = (report: Report, check: string) =>
  report.checks.find((one) => one.check === check)?.verdict;
const detailOf = (report: Report, check: string) => report.checks.find((one) => one.check === check)?.detail;

/** All findings without `slot-health`: the test's pipeline has no reader of the slot. */
const wrong = (report: Report) => report.findings.filter(({ check }) => check !== 'slot-health');

/** Sends records in a transaction, which ends with a marker. */
async function inTransaction(
  played: Played,
  records: readonly ReturnType<typeof row>[],
  end: 'commit' | 'abort',
) {
  const producer = played.kafka.producer({
    transactionalId: `t${randomBytes(5).toString('hex')}`,
    maxInFlightRequests: 1,
    idempotent: true,
  });
  await producer.connect();
  const before = await played.end();
  try {
    const transaction = await producer.transaction();
    const messages = records.map(({ key, value, position: place }) => ({
      key: JSON.stringify(key),
      value: JSON.stringify(value),
      headers: { 'cdc.position': place },
    }));
    await transaction.send({ topic: played.topic, messages });
    await transaction[end]();
    // The broker answers before it writes the marker.
    await expect.poll(() => played.end(), { timeout: 20_000 }).toBe(before + records.length + 1);
  } finally {
    await producer.disconnect();
  }
}

test('the fence does not wait for transaction markers or aborted records at the end of a topic', async () => {
  await using played = await play();
  await played.pair.onBoth(insert(1, 'a', 1));
  await inTransaction(played, [row(1, 'a', 1)], 'commit');
  await inTransaction(played, [row(9, 'never', 1)], 'abort');
  // The sink stores "last record + 1". The record is at offset 0, and it never sees the three offsets that follow.
  await played.commit(3);
  const report = await played.report();
  expect([verdictOf(report, 'fence'), report.coverage, wrong(report)]).toEqual(['PASS', 1, []]);
});

test('the fence waits for a record that a marker follows', async () => {
  await using played = await play();
  await played.pair.onSource(insert(1, 'a', 1));
  await inTransaction(played, [row(1, 'a', 1)], 'commit');
  await played.commit(2);
  expect((await played.report(4_000)).verdict).toBe('INCONCLUSIVE');
});

test('each record that repeats a position is counted once, however often the topic is verified', async () => {
  await using played = await play();
  const memory = new VerifierMemory();
  await played.pair.onBoth(insert(1, 'a', 1));
  await played.produce([row(1, 'a', 1), row(1, 'a', 1)]);
  await played.commit();
  const delivered = async () => (await played.report(30_000, memory)).deliveries?.duplicatesDelivered;
  expect(await delivered()).toBe(1);
  expect(await delivered()).toBe(1);
  // A repetition from an earlier verification, and another change of the same row, which is not a repetition.
  await played.pair.onBoth(insert(1, 'b', 2));
  await played.produce([row(1, 'a', 1), row(1, 'b', 2, 'u')]);
  await played.commit();
  expect(await delivered()).toBe(2);
});

test('a missing row whose record is a dead letter is a WARN; one without a dead letter is a FAIL', async () => {
  const letters = `dlq-${randomBytes(5).toString('hex')}`;
  await using played = await play({ deadLetterTopics: [letters] });
  await createTopic(played.admin, letters);
  const producer = played.kafka.producer();
  await producer.connect();
  try {
    for (const id of [1, 2, 3]) await played.pair.onSource(insert(id, 'a', 1));
    await played.pair.onSink(insert(1, 'a', 1));
    await played.produce([row(1, 'a', 1), row(2, 'a', 1), row(3, 'a', 1)]);
    await played.commit();
    const letter = (offset: number, id: number) => ({
      key: JSON.stringify({ id }),
      value: JSON.stringify(row(id, 'a', 1).value),
      headers: {
        '__connect.errors.topic': played.topic,
        '__connect.errors.partition': '0',
        '__connect.errors.offset': String(offset),
      },
    });
    await producer.send({ topic: letters, messages: [letter(1, 2)] });
    const half = await played.report();
    expect(half.verdict, JSON.stringify(half.checks)).toBe('FAIL');
    expect(half.tables[0]).toMatchObject({ missing: 1, verdict: 'FAIL' });
    const missing = half.findings.filter((one) => one.class === 'missing');
    expect(missing.map(({ count, first }) => [count, first?.key.id])).toEqual([[1, '3']]);
    // Without headers, as Connect sends it by default, the letter is recognised by its key and value.
    await producer.send({ topic: letters, messages: [{ ...letter(2, 3), headers: {} }] });
    const all = await played.report();
    expect(all.tables[0]).toMatchObject({ missing: 0, verdict: 'WARN' });
    expect(all.verdict).toBe('WARN');
    const accounted = all.findings.find(
      (one) => one.check === 'dead-letters' && one.table === 'public.items',
    );
    expect(accounted).toMatchObject({ class: 'dead-letter', verdict: 'WARN', count: 2 });
  } finally {
    await producer.disconnect();
    await played.admin.deleteTopics({ topics: [letters] });
  }
});

test('records that the sink gave up on without writing a dead letter are a FAIL', async () => {
  await using played = await play();
  await played.pair.onBoth(insert(1, 'a', 1));
  await played.produce([row(1, 'a', 1)]);
  await played.commit();
  await played.pair.onSink(`CREATE TABLE _cdc_stats (topic text, suppressed bigint, dead_lettered bigint);
    INSERT INTO _cdc_stats VALUES ('${played.topic}', 0, 2)`);
  const report = await played.report();
  expect(wrong(report)).toMatchObject([
    { check: 'dead-letters', class: 'dead-letter', verdict: 'FAIL', count: 2 },
  ]);
});

const OFFSETS = `CREATE TABLE _cdc_offsets (connector text, topic text, partition int, next_offset bigint, topic_id text)`;

test('a sink of a topic that was deleted and created again is not caught up, however many records the topic has', async () => {
  await using played = await play({ consumerGroup: null });
  await played.pair.onBoth(insert(1, 'a', 1));
  await played.produce([row(1, 'a', 1), row(1, 'a', 1)]);
  const { kafka } = played.config;
  if (kafka === null) throw new Error('the test needs Kafka');
  const id = async () => (await topicIds(kafka, [played.topic])).get(played.topic) ?? '';
  const before = await id();
  const store = `INSERT INTO _cdc_offsets VALUES ('sink', '${played.topic}', 0, 2, '${before}')`;
  await played.pair.onSink(`${OFFSETS}; ${store}`);
  const caughtUp = await played.report();
  expect([verdictOf(caughtUp, 'fence'), wrong(caughtUp)]).toEqual(['PASS', []]);
  await played.admin.deleteTopics({ topics: [played.topic] });
  await expect.poll(id, { timeout: 10_000 }).toBe('');
  await createTopic(played.admin, played.topic);
  await expect.poll(id, { timeout: 10_000 }).not.toBe('');
  for (const records of [1, 2]) {
    if (records === 2) await played.produce([row(1, 'a', 1), row(1, 'a', 1)]);
    const report = await played.report(2_500);
    expect(report.verdict).toBe('INCONCLUSIVE');
    expect(detailOf(report, 'fence')).toContain('was deleted and created again');
  }
  // Without a stored id, an offset beyond the end reveals the new topic.
  await played.pair.onSink("UPDATE _cdc_offsets SET topic_id = '', next_offset = 99");
  const beyond = await played.report(2_500);
  expect(beyond.verdict).toBe('INCONCLUSIVE');
  expect(detailOf(beyond, 'fence')).toContain('99, the topic ends at 2');
});

test('a sink beyond its lag limits is an alert; events that retention dropped before the sink read them are a FAIL', async () => {
  await using played = await play({ thresholds: { lagEvents: 2, lagMs: 1, retentionShare: 0.000_001 } });
  await played.pair.onSource(insert(1, 'a', 1));
  await played.produce([1, 2, 3, 4].map((version) => row(1, 'a', version, 'u')));
  await played.commit(3);
  const behind = await played.report(2_500);
  const alerts = behind.findings.filter(({ check }) => check === 'consumer-lag');
  expect(alerts.map(({ class: name, verdict, count }) => [name, verdict, count])).toEqual([
    ['alert', 'WARN', 3],
    ['alert', 'WARN', 3],
    ['alert', 'WARN', 3],
  ]);
  expect(detailOf(behind, 'consumer-lag')).toMatch(
    /waiting for more than 1 ms.*will soon drop.*3 events behind, more than the limit of 2/,
  );
  await played.admin.deleteTopicRecords({ topic: played.topic, partitions: [{ partition: 0, offset: '3' }] });
  const lost = (await played.report(2_500)).findings.find((one) => one.class === 'lost-to-retention');
  expect(lost).toMatchObject({ check: 'consumer-lag', verdict: 'FAIL', count: 2, table: 'public.items' });
});

test('consumer-lag and dead-letters find nothing about a sink that keeps up', async () => {
  await using played = await play({ thresholds: { lagEvents: 2, lagMs: 1, retentionShare: 0.000_001 } });
  await played.pair.onBoth(insert(1, 'a', 1));
  await played.produce([{ ...row(1, 'a', 1), position: position(1) }]);
  await played.commit();
  const report = await played.report();
  expect(wrong(report)).toEqual([]);
  expect([verdictOf(report, 'consumer-lag'), verdictOf(report, 'dead-letters')]).toEqual(['PASS', 'PASS']);
});
