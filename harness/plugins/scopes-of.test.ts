import { expect, test } from 'vitest';
import { loadFault, loadScenario, loadStep } from './catalogue.ts';
import type { Scenario } from './scenario.ts';
import { serviceScope } from './scope.ts';
import { privateServersIn, scopesOf } from './scopes-of.ts';

const NOTHING: Pick<Scenario, 'steps' | 'contract'> = {
  steps: { inject: [], hold: [{ do: 'until-committed', transactions: 1 }], settle: [] },
  contract: { duplicateDeliveries: 'legal', recoverWithinMs: 1, clauses: [] },
};
const load = { loadFault, loadStep };
const killing = (service: string) => ({
  ...NOTHING,
  steps: { ...NOTHING.steps, inject: [{ do: 'fault', fault: 'kill-service', with: { service } }] },
});

test.each([
  ['capture', ['instance']],
  ['pg-source', ['instance', 'pg-source']],
  ['pg-sink', ['instance', 'pg-sink']],
  ['kafka-2', ['instance', 'kafka']],
])('a fault that is aimed at %s touches it', async (service, scopes) => {
  expect(await scopesOf(killing(service), load)).toEqual(scopes);
});

test('a bound on WAL needs a source that nobody else writes to, and so does a scenario that asks for it', async () => {
  const clauses = [{ kind: 'wal-retained', atMostBytes: 1, why: 'it must' }] as const;
  const bounded = { ...NOTHING, contract: { ...NOTHING.contract, clauses } };
  expect(privateServersIn(await scopesOf(bounded, load))).toEqual(['pg-source']);
  expect(await scopesOf({ ...NOTHING, private: ['pg-sink'] }, load)).toEqual(['instance', 'pg-sink']);
});

test('a scenario is loaded with its scopes and private servers; most need none', async () => {
  expect(await loadScenario('slot-lost')).toMatchObject({
    touches: ['instance', 'pg-source'],
    private: ['pg-source'],
  });
  const usual = await loadScenario('lag');
  expect([usual.touches, usual.private]).toEqual([['instance'], undefined]);
});

test('a service is the instance’s own unless it is a server', () => {
  expect([serviceScope('verifier'), serviceScope('kafka')]).toEqual([['instance'], ['kafka']]);
});
