import { expect, it } from 'vitest';
import { evidenceText } from './evidence-text.ts';

it('reads as words, nested values included', () => {
  const evidence = {
    service: 'capture@lab',
    pidBefore: 7,
    killed: { gone: true, pids: [7, 8] },
    error: null,
  };
  expect(evidenceText(evidence)).toBe(
    'service: capture@lab, pid before: 7, killed: (gone: yes, pids: 7 8), error: –',
  );
});

it('is empty where there is nothing', () => {
  expect(evidenceText({})).toBe('');
});
