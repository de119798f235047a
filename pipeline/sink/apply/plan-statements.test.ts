import { describe, expect, test } from 'vitest';
import { type Change, shapeOf } from '../bind/change.ts';
import { planStatements, type Step } from './plan-statements.ts';

const GUARDED = { guard: true, byKey: true, reduce: true };

let index = 0;
function change(
  kind: Change['kind'],
  key: string,
  position: string | null,
  values: Change['values'] = [],
): Change {
  return {
    kind,
    key,
    keyValues: [key],
    position,
    fromSnapshot: false,
    values,
    isPartial: values.includes(undefined),
    op: kind === 'delete' ? 'd' : 'u',
    lsn: null,
    sourceTsUs: null,
    capturedUs: null,
    index: index++,
    shape: shapeOf(values),
  };
}
const put = (key: string, position: string, ...values: (string | undefined)[]): Change =>
  change('upsert', key, position, values);
const del = (key: string, position: string): Change => change('delete', key, position);

function rows(step: Step | undefined): Extract<Step, { tag: 'rows' }> {
  if (step?.tag !== 'rows') throw new Error(`rows expected, ${step?.tag} found`);
  return step;
}
const brief = (step: Step | undefined): string[] => {
  const { upserts, partials, deletes } = rows(step);
  return [
    ...upserts.map(({ change: c }) => `put ${c.key} ${c.values.join()}`),
    ...partials.map(({ change: c }) => `part ${c.key} ${c.values.join()}`),
    ...deletes.map(({ change: c }) => `del ${c.key}`),
  ];
};

describe('planStatements', () => {
  test('leaves one change per key, the newest by position, and remembers the positions of the others', () => {
    const plan = planStatements([put('a', '1', 'x'), put('b', '2', 'y'), put('a', '3', 'z')], GUARDED);
    expect(plan.steps).toHaveLength(1);
    expect(brief(plan.steps[0])).toEqual(['put a z', 'put b y']);
    expect(rows(plan.steps[0]).upserts[0]?.positions).toEqual(['1', '3']);
    expect(plan.suppressed).toBe(0);
  });

  test('suppresses an event that is delivered twice or too late', () => {
    const plan = planStatements([put('a', '3', 'new'), put('a', '3', 'new'), put('a', '1', 'old')], GUARDED);
    expect(brief(plan.steps[0])).toEqual(['put a new']);
    expect(plan.suppressed).toBe(2);
  });

  test('without the guard the last delivered wins, however old', () => {
    const plan = planStatements([put('a', '3', 'new'), put('a', '1', 'old')], {
      guard: false,
      byKey: true,
      reduce: true,
    });
    expect(brief(plan.steps[0])).toEqual(['put a old']);
    expect(plan.suppressed).toBe(0);
  });

  test('without reduction every event is written, in the order of delivery', () => {
    const options = { ...GUARDED, reduce: false };
    const changes = [put('a', '1', 'x'), put('b', '2', 'y'), put('a', '3', 'z'), del('a', '4')];
    const { steps, suppressed } = planStatements([...changes, change('tombstone', 'a', '4')], options);
    expect(steps.map(brief)).toEqual([['put a x', 'put b y'], ['put a z'], ['del a']]);
    expect(suppressed).toBe(0);
  });

  test('a delete and a re-insert in one batch leave the row, an insert and a delete leave none', () => {
    expect(brief(planStatements([del('a', '1'), put('a', '2', 'back')], GUARDED).steps[0])).toEqual([
      'put a back',
    ]);
    expect(brief(planStatements([put('a', '1', 'x'), del('a', '2')], GUARDED).steps[0])).toEqual(['del a']);
  });

  test('a tombstone after its delete adds nothing', () => {
    for (const position of ['1', null]) {
      const plan = planStatements([del('a', '1'), change('tombstone', 'a', position)], GUARDED);
      expect(brief(plan.steps[0])).toEqual(['del a']);
      expect(rows(plan.steps[0]).deletes[0]?.positions).toEqual(['1']);
      expect(plan.suppressed).toBe(0);
    }
  });

  test('a tombstone whose delete was compacted away deletes', () => {
    expect(brief(planStatements([change('tombstone', 'a', '4')], GUARDED).steps[0])).toEqual(['del a']);
  });

  test('an unchanged TOAST value is taken from the earlier event of the batch', () => {
    const plan = planStatements(
      [put('a', '1', 'title', 'body'), put('a', '2', 'new title', undefined)],
      GUARDED,
    );
    expect(brief(plan.steps[0])).toEqual(['put a new title,body']);
  });

  test('an update leaves out an unchanged TOAST value that no event of the batch has', () => {
    const plan = planStatements([put('a', '1', 't1', undefined), put('a', '2', 't2', undefined)], GUARDED);
    expect(brief(plan.steps[0])).toEqual(['part a t2,']);
    expect(rows(plan.steps[0]).partials[0]?.positions).toEqual(['1', '2']);
  });

  test("a snapshot's TOAST value is never folded into a newer event, past the guard", () => {
    const read = { ...put('a', '1', 't1', 'old body'), fromSnapshot: true };
    const plan = planStatements([read, put('a', '5', 't5', undefined)], GUARDED);
    expect(plan.steps.map(brief)).toEqual([['put a t1,old body'], ['part a t5,']]);
  });

  test('a TRUNCATE separates the changes before it from those after it', () => {
    const plan = planStatements(
      [put('a', '1', 'x'), change('truncate', '', '2'), put('a', '3', 'y')],
      GUARDED,
    );
    expect(plan.steps.map((step) => step.tag)).toEqual(['rows', 'truncate', 'rows']);
    expect(brief(plan.steps[2])).toEqual(['put a y']);
  });

  test('in insert mode every event becomes a row', () => {
    const plan = planStatements([put('', '1', 'x'), put('', '1', 'x'), put('', '2', 'y')], {
      guard: false,
      byKey: false,
      reduce: false,
    });
    expect(brief(plan.steps[0])).toEqual(['put  x', 'put  x', 'put  y']);
  });

  test('in insert mode a delete removes the rows before it and not the one after it', () => {
    const plan = planStatements([put('a', '1', 'x'), del('a', '2'), put('a', '3', 'y')], {
      guard: false,
      byKey: false,
      reduce: false,
    });
    expect(plan.steps.map(brief)).toEqual([['put a x'], ['put a y', 'del a']]);
  });
});

test('a plan accounts for every event of any batch: folded into a row, a TRUNCATE, or suppressed', () => {
  let seed = 7;
  const below = (n: number): number => {
    seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
    return seed % n;
  };
  for (let round = 0; round < 300; round++) {
    const changes = Array.from({ length: 1 + below(30) }, () => {
      const position = String(below(9));
      const key = 'abc'[below(3)] ?? 'a';
      const kinds = [
        () => put(key, position, 'x', below(2) === 0 ? 'y' : undefined),
        () => ({ ...put(key, position, 'x', 'y'), fromSnapshot: true }),
        () => del(key, position),
        () => change('tombstone', key, below(2) === 0 ? position : null),
        () => change('truncate', '', position),
      ];
      return kinds[below(kinds.length)]?.() ?? del(key, position);
    });
    for (const options of [GUARDED, { ...GUARDED, reduce: false }, { ...GUARDED, guard: false }]) {
      const { steps, suppressed } = planStatements(changes, options);
      const folded = steps.map((step) => {
        if (step.tag === 'truncate') return 1;
        return [...step.upserts, ...step.partials, ...step.deletes].reduce(
          (n, f) => n + f.positions.length,
          0,
        );
      });
      const events = changes.filter(({ kind }) => kind !== 'tombstone').length;
      expect(folded.reduce((a, b) => a + b, suppressed)).toBe(events);
    }
  }
});
