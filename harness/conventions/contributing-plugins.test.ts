import { expect, test } from 'vitest';
import { treeWith, tutorialBlocks } from './testing/tutorial.ts';

const tree = treeWith(tutorialBlocks());

/** The contract tests of every plug-in, in a tree that has those of CONTRIBUTING.md: they become tests of this file. */
await tree.load('harness/plugins/load-plugin.test.ts');

test('the contract tests see the plug-ins of the page', async () => {
  const { pluginIds, ROOT } = await tree.load<typeof import('../plugins/load-plugin.ts')>(
    'harness/plugins/load-plugin.ts',
  );
  expect(ROOT).toBe(tree.dir);
  expect(await pluginIds('harness/faults')).toContain('slow-sink');
  expect(await pluginIds('verifier/checks')).toContain('clock-skew');
  expect(await pluginIds('scenarios/lessons')).toContain('slow-sink');
});
