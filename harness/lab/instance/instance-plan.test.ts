import { expect, test } from 'vitest';
import { checkInstanceName, planInstance } from './instance-plan.ts';

const ports = {
  pgSource: 1,
  pgSink: 2,
  kafkaClient: 3,
  kafkaLink: 4,
  kafkaLinkAdvertised: 5,
  kafkaController: 6,
};

test('names that suit PostgreSQL, Kafka and a path are accepted', () => {
  for (const name of ['lab', 'restart-naive-3f2a', '7', 'a'.repeat(48)]) {
    expect(() => checkInstanceName(name)).not.toThrow();
  }
});

test.each(['', 'Lab', 'a_b', 'a--b', '-a', 'a-', '../x', 'a b', 'a"b', "a'b", 'ä', 'a'.repeat(49)])(
  'the name %j is refused',
  (name) => {
    expect(() => checkInstanceName(name)).toThrow(expect.objectContaining({ code: 'CDC-5121' }));
  },
);

test('two instances share no name, and their connection strings hold no password', () => {
  const own = { capture: 7, sink: 8, verifier: 9 };
  const a = planInstance('/s', { ports }, 'a-1', own);
  const b = planInstance('/s', { ports }, 'a-2', own);
  for (const key of [
    'database',
    'slot',
    'publication',
    'topicPrefix',
    'consumerGroup',
    'offsetsTopic',
    'dir',
  ] as const) {
    expect(a[key]).not.toBe(b[key]);
  }
  expect(a.slot).toMatch(/^[a-z0-9_]{1,63}$/);
  expect(new URL(a.sourceUrl).password + new URL(a.sinkUrl).password).toBe('');
});
