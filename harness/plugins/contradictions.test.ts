import { describe, expect, it } from 'vitest';
import { scenario } from '../runner/testing/scenario.ts';
import { acceptScenario } from './catalogue.ts';

const { id: _, kind: __, ...example } = scenario;
const fault = { do: 'fault', fault: 'resnapshot', with: { type: 'blocking' } };
const whole = {
  ...example,
  lesson: 'A scenario that tests of the catalogue use: nothing is wrong with it.',
  steps: { inject: [fault], hold: [], settle: [] },
};
const accept = (own: object) =>
  acceptScenario({ id: 'odd', kind: 'rows', file: 'scenarios/rows/odd.ts' }, { ...whole, ...own });
const refused = (why: string) => ({ code: 'CDC-5012', message: expect.stringContaining(why) });

describe('a scenario with parts that nobody would carry out', () => {
  it('is accepted without them', async () => {
    expect(await accept({})).toMatchObject([{ id: 'odd' }]);
    expect(await accept({ cases: { one: {} } })).toMatchObject([{ id: 'odd/one' }]);
  });

  it('is refused for empty cases, which would make it vanish', async () => {
    await expect(accept({ cases: {} })).rejects.toMatchObject(refused('its `cases` are empty'));
  });

  it('is refused for an inject that each case replaces, and accepted if one does not', async () => {
    const own = { steps: { inject: [fault] } };
    await expect(accept({ cases: { one: own, two: own } })).rejects.toMatchObject(refused('would never run'));
    expect(await accept({ cases: { one: own, two: {} } })).toHaveLength(2);
  });

  it('is refused for a trigger beside cases: no name can stand for several', async () => {
    await expect(accept({ trigger: 'odd', cases: { one: {} } })).rejects.toMatchObject(refused('`trigger`'));
  });
});

describe('steps that cannot work', () => {
  const steps = (own: object) => accept({ steps: { ...whole.steps, ...own } });

  it('are refused: a fault after the heal', async () => {
    await expect(steps({ settle: [fault] })).rejects.toMatchObject(refused('would never be healed'));
  });

  it('are refused: the end of a workload that no step has begun, with the nearest name', async () => {
    const begin = { do: 'start-workload', as: 'history', kind: 'mixed', rate: 1, transactions: 1 };
    expect(await steps({ hold: [begin, { do: 'finish-workload', as: 'history' }] })).toHaveLength(1);
    expect(await steps({ hold: [{ do: 'stop-workload', as: 'main' }] })).toHaveLength(1);
    const typo = steps({ hold: [begin, { do: 'finish-workload', as: 'histroy' }] });
    await expect(typo).rejects.toMatchObject(refused('Did you mean "history"?'));
  });
});
