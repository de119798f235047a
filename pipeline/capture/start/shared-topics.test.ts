import { expect, test } from 'vitest';
import { topicName } from '../../envelope/topic-name.ts';
import { warnOfSharedTopics } from './shared-topics.ts';

test('tables that share a topic are named with it, and others are not', () => {
  const warnings: string[] = [];
  const nothing = () => {};
  const log = { debug: nothing, info: nothing, error: nothing, warn: (line: string) => warnings.push(line) };
  const tables = ['a b', 'a_b', 'a-b', 'ä b'].map((table) => ({ schema: 'public', table }));
  warnOfSharedTopics(tables, (schema, table) => topicName('p', schema, table), log);
  expect(warnings).toEqual([expect.stringContaining('p.public.a_b: public.a b, public.a_b.')]);
});
