import { readFileSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { typePairsPage } from './type-pairs-page.ts';

const PAGE = new URL('../../../docs/type-pairs.md', import.meta.url);

test('docs/type-pairs.md shows what the table of type pairs decides', () => {
  if (process.env.UPDATE_DOCS === '1') writeFileSync(PAGE, typePairsPage());
  expect(readFileSync(PAGE, 'utf8')).toBe(typePairsPage());
});
