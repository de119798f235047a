import { expect, test } from 'vitest';
import { columns } from './columns.ts';
import { painter } from './page.ts';

const paint = painter(false);
const HEAD = ['TABLE', 'ROWS', ''];
const ROWS = [
  ['public.orders', '1,324', 'the pipeline has carried everything up to here'],
  ['public.a', '7', 'equal'],
];

test('numbers go to the right, and the last column is broken at spaces where the page ends', () => {
  expect(columns({ paint, width: 50 }, HEAD, ROWS, { right: [1, 2] }).split('\n')).toEqual([
    'TABLE           ROWS',
    'public.orders  1,324  the pipeline has carried',
    '                      everything up to here',
    'public.a           7  equal',
  ]);
});

test('without an end of the page nothing is broken', () => {
  const width = Number.POSITIVE_INFINITY;
  expect(columns({ paint, width }, HEAD, ROWS).split('\n')[1]).toBe(
    'public.orders  1,324  the pipeline has carried everything up to here',
  );
});

test('a last cell that has no room beside the others goes below its row', () => {
  expect(columns({ paint, width: 34 }, HEAD, ROWS).split('\n').slice(1)).toEqual([
    'public.orders  1,324',
    '    the pipeline has carried',
    '    everything up to here',
    'public.a       7      equal',
  ]);
});

test('colours and wide characters do not shift a column', () => {
  const rows = [
    [painter(true).red('FAIL'), 'x'],
    ['表格', 'y'],
  ];
  const text = columns({ paint, width: 80 }, ['A', 'B'], rows);
  const [, red = '', wide = ''] = text.split('\n');
  expect([red.endsWith('  x'), wide]).toEqual([true, '表格  y']);
});
