import { expect, test } from 'vitest';
import { topicName } from '../../envelope/topic-name.ts';
import { warnOfSharedTopics } from './shared-topics.ts';

test('tables that share a topic are named with it, and others are not', () => {
  const warnings: string[] = [];
  const remedies: unknown[] = [];
  const nothing = () => {};
  const warn = (line: string, fields?: Readonly<Record<string, unknown>>) => {
    warnings.push(line);
    remedies.push(fields?.remedy);
  };
  const log = { debug: nothing, info: nothing, error: nothing, warn };
  const tables = ['a b', 'a_b', 'a-b', 'ä b'].map((table) => ({ schema: 'public', table }));
  warnOfSharedTopics(tables, (schema, table) => topicName('p', schema, table), log);
  expect(warnings).toEqual([expect.stringContaining('p.public.a_b: public.a b, public.a_b.')]);
  // The two lists cannot be combined.
  expect(remedies).toEqual([expect.stringMatching(/table\.exclude\.list or table\.include\.list\.$/)]);
});
