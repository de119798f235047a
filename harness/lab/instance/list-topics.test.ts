import { expect, test } from 'vitest';
import { listTopics } from './list-topics.ts';

/** The error of kafkajs where no broker has answered. */
const nothing = new TypeError(
  "Cannot destructure property 'topicMetadata' of '(intermediate value)' as it is null.",
);

function admin(...answers: (Error | string[])[]) {
  return {
    async listTopics() {
      const answer = answers.length > 1 ? answers.shift() : answers[0];
      if (answer instanceof Error) throw answer;
      return answer ?? [];
    },
  };
}

test('the request is retried where no broker has answered', async () => {
  expect(await listTopics(admin(nothing, nothing, ['a', 'b']))).toEqual(['a', 'b']);
});

test('it is an error with a remedy when no broker answers in time', async () => {
  await expect(listTopics(admin(nothing), 150)).rejects.toMatchObject({
    code: 'CDC-5152',
    remedy: expect.stringContaining('cdc-lab logs kafka'),
  });
});

test('an error that kafkajs does report is not retried', async () => {
  await expect(listTopics(admin(new Error('not authorised'), ['a']))).rejects.toThrow('not authorised');
});
