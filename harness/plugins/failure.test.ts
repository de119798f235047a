import { describe, expect, it } from 'vitest';
import { acceptScenario } from './catalogue.ts';
import { atSource, defineFailure, type Failure, textbook, upgraded } from './failure.ts';

const FAILURE: Failure = {
  title: 'A row is wrong',
  lesson: 'Something happens to a row that a pipeline may not expect, and then it is wrong.',
  cites: 'nowhere',
  inject: [atSource(["UPDATE customers SET name = 'a'"])],
  sound: { expect: { verdict: 'PASS' }, because: 'it expects it' },
  naive: {
    defects: { sink: ['deletes-last'] },
    expect: { verdict: 'FAIL', finding: { class: 'missing', hop: 'sink' } },
    because: 'it does not',
    recover: upgraded('customers'),
  },
};
const accepted = (failure: Failure) =>
  acceptScenario({ id: 'x', kind: 'rows', file: 'x.ts' }, defineFailure(failure));

describe('a failure', () => {
  it('has the usual frame, and what it says itself', async () => {
    const [scenario] = await accepted({ ...FAILURE, seedRows: 7 });
    expect(scenario).toMatchObject({
      seedRows: 7,
      steps: { hold: [{ do: 'until-committed', transactions: 10 }], settle: [] },
      contract: { duplicateDeliveries: 'legal', clauses: [] },
      variants: {
        sound: { source: { file: 'source' }, sink: { file: 'sink' }, workload: { kind: 'insert-only' } },
        naive: { defects: { sink: ['deletes-last'] }, sink: { file: 'sink' } },
      },
    });
  });

  it('gives a case what the case does not change', async () => {
    const [one, other] = await accepted({
      ...FAILURE,
      cases: {
        one: { naive: { source: textbook('skips-equal-lsn') } },
        other: { hold: [], sound: { because: 'it is another case' } },
      },
    });
    expect(one?.variants.naive).toMatchObject({
      source: { file: 'source', engine: 'textbook' },
      defects: { sink: ['deletes-last'] },
      because: 'it does not',
    });
    expect(other?.steps).toEqual({ ...defineFailure(FAILURE).steps, hold: [] });
    expect(other?.variants.sound).toMatchObject({
      because: 'it is another case',
      expect: { verdict: 'PASS' },
    });
  });

  it('lets a case have a naive pipeline where the scenario has none', async () => {
    const { naive, ...rest } = FAILURE;
    const [one, other] = await accepted({ ...rest, cases: { one: { naive: naive ?? {} }, other: {} } });
    expect(one?.variants.naive).toMatchObject({ workload: { kind: 'insert-only' }, sink: { file: 'sink' } });
    expect(other?.variants.naive).toBeUndefined();
  });
});
