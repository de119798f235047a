import { expect, test } from 'vitest';
import { readCatalogue } from '../observe/source/catalogue.ts';
import { cataloguesOf, contextOf } from '../testing/context.ts';
import { databasePair } from '../testing/databases.ts';
import type { Content } from '../verification/comparison.ts';
import type { TopicLogView } from '../verification/topic-log-view.ts';
import { VerifierMemory } from '../verification/verifier-memory.ts';
import foreignWriters from './foreign-writers.ts';

test('an application that goes on writing the same key is a fault of now each time, and history once it has stopped', async () => {
  await using pair = await databasePair();
  await pair.onBoth('CREATE TABLE items (id int PRIMARY KEY, n int)');
  await pair.onSink('ALTER TABLE items ADD COLUMN _cdc_position text');
  const items = await readCatalogue(pair.sink);
  const memory = new VerifierMemory();
  let handled = 0n;
  /** Rows are equal, and a further change was handled. */
  const look = async () => {
    handled++;
    const view = { problem: '', complete: true, positions: new Map() };
    const processed = [{ partition: 't/0', nextOffset: handled }];
    const log = { ...view, processed, again: async () => view } as unknown as TopicLogView;
    const tables = [{ table: { id: 'public.items' }, comparison: { equal: true } }];
    const context = contextOf({
      memory,
      databases: { sink: async () => pair.sink },
      pipeline: { topics: async () => new Map([['public.items', 't']]) },
      evidence: {
        catalogues: async () => cataloguesOf({ source: items, copies: items }),
        content: async () => ({ tables }) as unknown as Content,
        topicLog: async () => log,
      },
    });
    return (await foreignWriters.run(context)).verdict;
  };
  const write = 'DELETE FROM items WHERE id = 5; INSERT INTO items VALUES (5, 1)';
  for (let n = 0; n < 3; n++) {
    await pair.onSink(write);
    expect([n, await look()]).toEqual([n, 'FAIL']);
  }
  for (let n = 0; n < 2; n++) expect([n, await look()]).toEqual([n, 'PASS']);
  await pair.onSink('UPDATE items SET n = 1 WHERE id = 5');
  expect(await look()).toBe('FAIL');
});
