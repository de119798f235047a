import { expect, test } from 'vitest';
import { type Shown, Suspects } from './suspects.ts';

/** Pseudo-random numbers below one, the same in every run. */
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

test('it holds the same entries as a map of objects, while keys are added and removed', () => {
  const suspects = new Suspects();
  const model = new Map<string, { sequence: number; shown: Shown }>();
  const next = numbers(7);
  const values: readonly Shown[] = [undefined, null, '1', '-5', String(2n ** 40n), String(2n ** 63n - 1n)];
  for (let sequence = 0; sequence < 60_000; sequence++) {
    const id = `["public.items",["id","${Math.floor(next() * 5_000)}"]]`;
    const known = model.get(id);
    if (next() < 0.6) {
      const shown = values[Math.floor(next() * values.length)];
      suspects.add(id, sequence, shown);
      model.set(id, { sequence, shown });
    } else {
      const before = sequence - Math.floor(next() * 10_000);
      suspects.clear(id, before);
      if (known !== undefined && known.sequence < before) model.delete(id);
    }
  }
  expect(suspects.size).toBe(model.size);
  for (const [id, { sequence, shown }] of model) {
    expect(suspects.of(id, sequence)).toEqual({ shown });
    expect(suspects.of(id, sequence - 1)).toBeNull();
  }
});

test('of two transactions that wrote a key, the later one counts, in either order', () => {
  const suspects = new Suspects();
  suspects.add('a', 5, '7');
  suspects.add('a', 3, undefined);
  expect([suspects.size, suspects.of('a', 5), suspects.of('a', 3)]).toEqual([1, { shown: '7' }, null]);
  suspects.clear('a', 5);
  expect(suspects.size).toBe(1);
  suspects.clear('a', 6);
  expect(suspects.size).toBe(0);
});

test('300,000 keys that differ by a digit are distinct', () => {
  const suspects = new Suspects();
  for (let i = 0; i < 300_000; i++) suspects.add(`["public.items",["id","${i}"]]`, i, undefined);
  expect(suspects.size).toBe(300_000);
});
