import { expect, test } from 'vitest';
import type { ColumnDescription } from '../../contract/table.ts';
import { changedValues } from './changed-values.ts';

const column = (typeName: string, typeModifier = -1): ColumnDescription => ({
  ...{ name: 'c', typeOid: 0, typeName, typeModifier, typeKind: 'b', elementType: null, enumLabels: null },
  ...{ notNull: false, defaultText: null, keyRank: 0 },
});
const DEFAULTS = { decimals: 'precise', interval: 'numeric', time: 'adaptive' } as const;

test.each([
  ['interval', -1, DEFAULTS, 'interval.handling.mode=string'],
  ['numeric', -1, DEFAULTS, 'decimal.handling.mode=string'],
  ['numeric', 655_366, { ...DEFAULTS, decimals: 'double' }, 'decimal.handling.mode=string'],
  ['timetz', -1, DEFAULTS, 'timestamptz'],
  ['varbit', -1, DEFAULTS, 'bit(n)'],
  ['timestamp', -1, { ...DEFAULTS, time: 'connect' }, 'time.precision.mode=adaptive'],
] as const)('a change of a %s (%i) is named with what keeps the value', (type, modifier, modes, remedy) => {
  expect(changedValues([column(type, modifier)], modes)).toEqual([
    { column: 'c', change: expect.stringMatching(/\w/), remedy: expect.stringContaining(remedy) },
  ]);
});

test.each([
  ['interval', -1, { ...DEFAULTS, interval: 'string' }],
  ['numeric', -1, { ...DEFAULTS, decimals: 'string' }],
  ['numeric', 655_366, DEFAULTS],
  ['timestamp', -1, DEFAULTS],
  ['text', -1, DEFAULTS],
] as const)('a %s (%i) whose values are kept is not named', (type, modifier, modes) => {
  expect(changedValues([column(type, modifier)], modes)).toEqual([]);
});
