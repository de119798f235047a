import { expect, test } from 'vitest';
import type { WrongClass } from '../compare/settle.ts';
import type { TableContent } from './comparison.ts';
import { findingsOf } from './row-findings.ts';

/** A table with one wrong row of the class, which the sink is to blame for. */
function contentWith(name: WrongClass): TableContent {
  const counts = { missing: 0, extra: 0, stale: 0, corrupted: 0, duplicate: 0, [name]: 1 };
  const row = {
    class: name,
    hop: 'sink',
    count: 1,
    keyText: '["1"]',
    columns: [],
    detail: '',
    accounted: false,
  };
  const pair = { key: [{ source: { name: 'id' } }] };
  const comparison = { counts, wrong: [row], pair };
  return { table: { id: 'public.t' }, comparison, attributed: [row] } as unknown as TableContent;
}

test.each([
  ['missing', 'lost'],
  ['stale', 'lost'],
  ['corrupted', 'lost'],
  ['extra', 'caused'],
  ['duplicate', 'caused'],
] as const)('a row that is %s is %s at its hop', (name, how) => {
  const [finding] = findingsOf('check', contentWith(name), name);
  expect(finding?.detail).toBe(`1 ${name} in public.t, ${how} at: sink`);
  expect(finding?.first?.key).toEqual({ id: '1' });
});
