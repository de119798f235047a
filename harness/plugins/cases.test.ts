import { expect, test } from 'vitest';
import { scenario } from '../runner/testing/scenario.ts';
import { casesOf } from './cases.ts';
import type { ScenarioDefinition } from './scenario.ts';

const { id: _, kind: __, ...whole } = scenario;
const fault = (name: string) => ({ do: 'fault', fault: name, with: {} });

test('a scenario without cases is the one thing to run', () => {
  expect(casesOf('example', 'rows', whole)).toEqual([{ ...whole, id: 'example', kind: 'rows' }]);
});

test('each case is the scenario with what the case says instead, under its own id and title', () => {
  const { naive: _naive, ...soundOnly } = whole.variants;
  const definition: ScenarioDefinition = {
    ...whole,
    variants: soundOnly,
    cases: {
      'in-one': { steps: { inject: [fault('one')] } },
      'in-two': {
        title: 'Twice',
        seedRows: 7,
        steps: { inject: [fault('two')], hold: [] },
        variants: { sound: { because: 'it is as sound' }, naive: whole.variants.naive ?? {} },
      },
    },
  };
  const [one, two, ...more] = casesOf('example', 'rows', definition);
  expect(more).toEqual([]);
  expect(one).toMatchObject({ id: 'example/in-one', kind: 'rows', title: 'Example: in one', seedRows: 0 });
  expect(one?.steps).toEqual({ ...whole.steps, inject: [fault('one')] });
  expect(one?.variants).toEqual(soundOnly);
  expect(one).not.toHaveProperty('cases');
  expect(two).toMatchObject({ id: 'example/in-two', title: 'Twice', seedRows: 7 });
  expect(two?.steps).toEqual({ inject: [fault('two')], hold: [], settle: [] });
  expect(two?.variants.sound).toEqual({ ...whole.variants.sound, because: 'it is as sound' });
  expect(two?.variants.naive).toEqual(whole.variants.naive);
});
