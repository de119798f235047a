import { describe, expect, it } from 'vitest';
import { firstSentence, Narrator, wrongRowLines } from './in-words.ts';
import type { JournalEvent } from './journal.ts';
import type { WrongRow } from './result.ts';
import { report } from './testing/fake-lab.ts';

const row = (over: Partial<WrongRow>): WrongRow => ({
  class: 'corrupted',
  table: 'public.customers',
  key: { id: '7' },
  columns: [],
  source: { id: '7', name: 'Ada', tier: 'gold', version: '3' },
  sink: [],
  ...over,
});

describe('a wrong row beside the right one', () => {
  it('shows the columns whose values differ', () => {
    const sink = [{ id: '7', name: 'Ada', tier: null, version: '3' }];
    expect(wrongRowLines(row({ columns: ['tier'], sink }), 80)).toEqual([
      'one wrong row of public.customers, id 7:',
      '  source  tier = gold',
      '  sink    tier = NULL',
    ]);
  });

  it('says which side does not have the row, or the column', () => {
    expect(wrongRowLines(row({}), 80).slice(1)).toEqual([
      '  source  name = Ada, tier = gold, version = 3',
      '  sink    no such row',
    ]);
    const extra = row({ source: null, sink: [{ id: '7', name: 'Ada' }] });
    expect(wrongRowLines(extra, 80).slice(1)).toEqual(['  source  no such row', '  sink    name = Ada']);
    const sink = [{ id: '7', name: 'Ada', version: '3' }];
    expect(wrongRowLines(row({ columns: ['tier'], sink }), 80)[2]).toBe('  sink    tier = (no such column)');
  });

  it('quotes values of which something cannot be seen', () => {
    const shows = (name: string | null) =>
      wrongRowLines(row({ columns: ['name'], sink: [{ id: '7', name }] }), 80)[2];
    expect(shows('')).toBe('  sink    name = ""');
    expect(shows(' Ada\t')).toBe('  sink    name = " Ada\\t"');
    expect(shows('NULL')).toBe('  sink    name = "NULL"');
    expect(shows('\u001b[31m\u200b')).toBe('  sink    name = "\\u001b[31m\\u200b"');
    expect(shows("Zoë O'Brien 😀")).toBe("  sink    name = Zoë O'Brien 😀");
  });

  it('counts equal copies, and fits a narrow terminal', () => {
    const copy = row({}).source ?? {};
    const lines = wrongRowLines(row({ class: 'duplicate', sink: [copy, copy] }), 30);
    expect(lines).toEqual([
      'one wrong row of public.custo…',
      '  source  name = Ada, tier = …',
      '  sink    2 rows with this key',
    ]);
  });
});

it('the first sentence of a lesson ends at its first full stop, not at one within a word', () => {
  expect(firstSentence('Set snapshot.mode to never. Then wait.')).toBe('Set snapshot.mode to never.');
});

it('a narrator says in which part of the run the verifier was asked', () => {
  const narrator = new Narrator();
  const at = { at: '', runId: 'r' } as const;
  const asked: JournalEvent = { ...at, t: 'verification', verdict: 'SYNC_IN_PROGRESS', report: report() };
  narrator.describe({ ...at, t: 'phase-started', phase: 'hold' });
  expect(narrator.describe(asked)).toBe('during the fault, the verifier says SYNC_IN_PROGRESS');
  narrator.describe({ ...at, t: 'phase-started', phase: 'verify' });
  expect(narrator.describe(asked)).toBe('in the end, the verifier says SYNC_IN_PROGRESS');
  expect(narrator.describe({ ...at, t: 'step', step: 'caught up' })).toBeUndefined();
});
