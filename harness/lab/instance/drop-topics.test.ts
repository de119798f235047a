import kafkajs from 'kafkajs';
import { expect, test } from 'vitest';
import { dropTopics } from './drop-topics.ts';

const mine = (topic: string) => topic.startsWith('mine.');

/** A broker that gives these answers in turn, and then repeats the last. */
function broker(...answers: string[][]) {
  const deleted: string[][] = [];
  return {
    deleted,
    async listTopics() {
      return (answers.length > 1 ? answers.shift() : answers[0]) ?? [];
    },
    async deleteTopics({ topics }: { topics: string[] }) {
      deleted.push(topics);
    },
  };
}

test('it waits for a broker that has not seen the deletion yet, and does not repeat the request at once', async () => {
  const admin = broker(['mine.a', 'mine.b', 'other'], ['mine.b', 'other'], ['mine.b', 'other'], ['other']);
  await dropTopics(admin, mine);
  expect(admin.deleted).toEqual([['mine.a', 'mine.b']]);
  expect(await admin.listTopics()).toEqual(['other']);
});

test('a topic that appears after the first look is deleted too', async () => {
  const admin = broker(['mine.a'], ['mine.late'], []);
  await dropTopics(admin, mine);
  expect(admin.deleted).toEqual([['mine.a'], ['mine.late']]);
});

test('a topic that was created again meanwhile is deleted again', async () => {
  const admin = broker(['mine.a'], ['mine.a'], []);
  await dropTopics(admin, mine, { againMs: 0 });
  expect(admin.deleted).toEqual([['mine.a'], ['mine.a']]);
});

test.each([
  ['UNKNOWN_TOPIC_OR_PARTITION', 'a topic that was deleted meanwhile counts as deleted', undefined],
  ['TOPIC_AUTHORIZATION_FAILED', 'any other refusal is thrown', /refused/],
])('on %s: %s', async (type, _, told) => {
  const cause = new kafkajs.KafkaJSProtocolError(
    Object.assign(new Error('refused'), { type, code: 0, retriable: false }),
  );
  const admin = {
    ...broker(['mine.a'], []),
    async deleteTopics() {
      throw new Error('refused', { cause });
    },
  };
  const dropped = dropTopics(admin, mine);
  await (told === undefined ? dropped : expect(dropped).rejects.toThrow(told));
});

test('nothing is deleted where nothing matches', async () => {
  const admin = broker(['other']);
  await dropTopics(admin, mine);
  expect(admin.deleted).toEqual([]);
});

test('topics that stay are an error with their names and a remedy', async () => {
  await expect(dropTopics(broker(['mine.a', 'other']), mine, { timeoutMs: 50 })).rejects.toMatchObject({
    code: 'CDC-5153',
    message: expect.stringContaining('mine.a 50 ms'),
    remedy: expect.stringContaining('cdc-lab logs kafka'),
  });
});
