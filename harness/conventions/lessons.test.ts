import { describe, expect, test } from 'vitest';
import { missingLines } from './commands.ts';
import { lessonsOf, withoutChance } from './lessons.ts';

test('a lesson is its commands with their output, and its blocks without a prompt', () => {
  const page = [
    '# Page',
    '```',
    '$ make up',
    '```',
    '## Lesson 1 · It breaks',
    '```',
    '$ make status',
    'PASS',
    '',
    '$ bin/cdc-lab lag',
    '```',
    '```',
    'curl http://127.0.0.1:PORT/',
    '```',
    '## Another section',
    '```',
    '$ make down',
    '```',
  ].join('\n');
  expect(lessonsOf(page)).toEqual([
    {
      title: 'It breaks',
      steps: [
        { command: 'make status', shown: 'PASS\n\n' },
        { command: 'bin/cdc-lab lag', shown: '' },
      ],
      unprompted: ['curl http://127.0.0.1:PORT/\n'],
    },
  ]);
});

describe('the output of a lesson', () => {
  const differ = (shown: string, real: string): string[] =>
    missingLines(withoutChance(shown), withoutChance(real));

  test.each([
    [
      'rows that were written during the verification',
      'PASS · fence 0/1F71CB0 · exact, with 4 keys written meanwhile · at 16:23:04',
      'PASS · fence 0/2F71CB0 · at 17:23:04',
    ],
    [
      'the unit in which a time is printed',
      'freshness  PASS  public.customers p50 12 ms, p95 30 ms',
      'freshness  PASS  public.customers p50 1.3 s, p95 2 min',
    ],
    [
      'what a run writes in front of its lines',
      '  in the end, the verifier says FAIL',
      '  lag naive: in the end, the verifier says FAIL',
    ],
    [
      'how many rows of which tables were hit, and whether they need lines below the verdict',
      '✔ lag  naive  FAIL\n    1 missing @sink in public.customers; 9 missing @sink in public.orders; … · recovered in 0.7 s',
      '✔ lag  naive  FAIL  2 missing @sink in public.orders · recovered in 0.6 s',
    ],
    [
      'lines in which a finding is broken',
      '✔ backfill  naive  FAIL\n    8 stale @sink in public.customers (name); 3 stale @sink in public.orders (status,\n    version) · recovered in 0.8 s',
      '✔ backfill  naive  FAIL  1 stale @sink in public.customers (name, version) · recovered in 0.8 s',
    ],
    [
      'which row is the example',
      '    one wrong row of public.order_items, id 3237ea57-647c-44cd-b6c8-b8abf2eff55d:\n      source  sku = SKU-2, version = 1',
      '    one wrong row of public.orders, id 87f0e470-0644-3deb-0bd3-5c2312a39447:\n      source  status = paid',
    ],
    [
      'which deliveries are the latest',
      'lab.public.orders     0  429  00000001-0000000001F04CB0-00000001|public.orders|u|27e1041f-8bf1-4f18-6430-cc4c5cfa24f8',
      'lab.public.documents  1  9    00000001-0000000001F04CBF-00000002|public.documents|c|37e1041f-8bf1-4f18-6430-cc4c5cfa24f8',
    ],
  ])('is compared without %s', (_, shown, real) => {
    expect(differ(shown, real)).toEqual([]);
  });

  test.each([
    ['another verdict', '✔ lag  naive  FAIL  1 missing @sink in public.a', '✔ lag  naive  PASS'],
    [
      'another class',
      '✔ lag  naive  FAIL\n    1 missing @sink in public.a',
      '✔ lag  naive  FAIL\n    1 stale @sink in public.a',
    ],
    [
      'another hop',
      '✔ lag  naive  FAIL  1 missing @sink in public.a',
      '✔ lag  naive  FAIL  1 missing @capture in public.a',
    ],
    ['a row that is there', '      sink    tier = (no such column)', '      sink    tier = gold'],
    ['no row', '      sink    no such row', '      sink    2 rows with this key'],
  ])('differs with %s', (_, shown, real) => {
    expect(differ(shown, real)).not.toEqual([]);
  });
});
