import { expect, test } from 'vitest';
import type { Check } from '../../verifier/check.ts';
import { readCatalogue } from '../../verifier/observe/source/catalogue.ts';
import { contextOf } from '../../verifier/testing/context.ts';
import { databasePair } from '../../verifier/testing/databases.ts';
import { treeWith, tutorialBlocks } from './testing/tutorial.ts';

const tree = treeWith(tutorialBlocks());

/** The tutorial's tests of its fault and its check: imported, they become tests of this file. */
await tree.load('harness/faults/slow-sink.pg.test.ts');
await tree.load('verifier/checks/clock-skew.pg.test.ts');

test('the check that finds nothing yet lets the planted corruption pass: the tutorial’s test would be red', async () => {
  await using pair = await databasePair();
  await pair.onSink('CREATE TABLE items (id int PRIMARY KEY)');
  const { default: check } = await tree.load<{ default: Check }>('verifier/step-1/clock-skew.ts');
  const copies = await readCatalogue(pair.sink);
  const catalogues = async () => ({
    source: new Map(),
    copies,
    expected: [],
    unknown: [],
    absent: [],
    misnamed: [],
  });
  const context = contextOf({ databases: { sink: async () => pair.sink }, evidence: { catalogues } });
  expect((await check.run(context)).verdict).toBe('PASS');
});
