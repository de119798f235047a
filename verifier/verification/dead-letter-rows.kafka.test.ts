import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { createTopic } from '../../fixtures/testing/create-topic.ts';
import { insert, play, row } from '../testing/played.ts';

test('a dead letter accounts for a stale row, but not for values that no version ever had', async () => {
  const letters = `dlq-${randomBytes(5).toString('hex')}`;
  await using played = await play({ deadLetterTopics: [letters] });
  await createTopic(played.admin, letters);
  const [plain, flipped, garbled] = [1, 2, 3];
  const ids = [plain, flipped, garbled];
  await played.pair.onBoth(ids.map((id) => insert(id, 'a', 1)).join(';'));
  await played.pair.onSource(ids.map((id) => insert(id, 'b', 2)).join(';'));
  const updates = ids.map((id) => row(id, 'b', 2, 'u'));
  await played.produce([...ids.map((id) => row(id, 'a', 1)), ...updates]);
  await played.commit();
  const producer = played.kafka.producer();
  await producer.connect();
  try {
    const messages = updates.map(({ key, value }) => ({
      key: JSON.stringify(key),
      value: JSON.stringify(value),
    }));
    await producer.send({ topic: letters, messages });
    const stale = await played.report();
    expect(stale.tables[0]).toMatchObject({ stale: 0, corrupted: 0, verdict: 'WARN' });
    expect(stale.verdict).toBe('WARN');

    await played.pair.onSink(`UPDATE items SET price = 9.99 WHERE id = ${flipped};
      UPDATE items SET name = 'never', version = 2 WHERE id = ${garbled}`);
    const report = await played.report();
    expect(report.tables[0]).toMatchObject({ stale: 0, corrupted: 2, verdict: 'FAIL' });
    const corrupted = report.findings.filter(({ check }) => check === 'corrupted-rows');
    expect(corrupted).toMatchObject([{ class: 'corrupted', count: 2, verdict: 'FAIL', hop: 'sink' }]);
    expect(corrupted[0]?.examples.map(({ key, columns }) => [key.id, columns])).toEqual([
      ['2', ['price']],
      ['3', ['name']],
    ]);
    const accounted = report.findings.find(({ check, table }) => check === 'dead-letters' && table !== null);
    expect(accounted).toMatchObject({ verdict: 'WARN', count: 1 });
  } finally {
    await producer.disconnect();
    await played.admin.deleteTopics({ topics: [letters] });
  }
});
