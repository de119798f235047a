import { expect, test } from 'vitest';
import { OWN_ENGINES } from '../lab/engines.ts';
import type { Scenario } from '../plugins/scenario.ts';
import { instanceSpecOf, plansOf } from './plan.ts';
import { scenario } from './testing/scenario.ts';

const { sound, naive } = scenario.variants;
const overrides = { 'textbook.mistakes': 'resumes-now' };
const withTextbook: Scenario = {
  ...scenario,
  variants: {
    sound,
    naive: { ...sound, ...naive, source: { file: 'source', engine: 'textbook', overrides } },
  },
};

function specs(swap: boolean) {
  const plan = (['sound', 'naive'] as const).map((variant) => ({ scenario: withTextbook, variant }));
  const options = { plan, tunables: {}, seed: 1, keep: false, noOp: false, swap, reproduce: '' };
  return plansOf(options, OWN_ENGINES, []).map(instanceSpecOf);
}

test('a variant that asks for the textbook capture gets it, with the mistakes that it names', () => {
  const [right, wrong] = specs(false);
  expect(right?.engines).toEqual({ source: 'ts', sink: 'ts' });
  expect(wrong?.engines).toEqual({ source: 'textbook', sink: 'ts' });
  expect(wrong?.source).toEqual({ file: 'source', overrides });
});

test('with --swap, the other variant gets it', () => {
  expect(specs(true).map(({ engines }) => engines?.source)).toEqual(['textbook', 'ts']);
});
