import { z } from 'zod';
import type { Fault } from '../../plugins/fault.ts';
import { LESSON_DEADLINES_MS, type PipelineVariant, type Scenario } from '../../plugins/scenario.ts';
import type { FakeWorld } from './fake-lab.ts';

const sound: PipelineVariant = {
  source: { file: 'source' },
  sink: { file: 'sink' },
  workload: { kind: 'mixed', rate: 10 },
  expect: { verdict: 'PASS' },
  because: 'it is sound',
};
const naive: PipelineVariant = {
  ...sound,
  sink: { file: 'sink-insert' },
  expect: { verdict: 'FAIL', finding: { class: 'missing', hop: 'sink' } },
  because: 'it is naive',
};

export const scenario: Scenario = {
  id: 'example',
  kind: 'lessons',
  title: 'Example',
  lesson: 'A scenario that tests of the runner use.',
  cites: 'none',
  seedRows: 0,
  defaults: { rows: 0, seconds: 0 },
  contract: { duplicateDeliveries: 'legal', recoverWithinMs: 10_000, clauses: [] },
  steps: {
    inject: [{ do: 'fault', fault: 'fake', with: {} }],
    hold: [{ do: 'until-committed', transactions: 10 }],
    settle: [],
  },
  lateProofs: [],
  variants: { sound, naive },
  deadlinesMs: { ...LESSON_DEADLINES_MS, hold: 2000 },
  lookAt: [],
};

/** A fault that takes effect when, and only when, it is injected. */
export function fakeFault(world: FakeWorld, over: Partial<Fault> = {}): Fault {
  let effective = false;
  return {
    description: 'a fault of the tests',
    params: z.record(z.string(), z.unknown()),
    example: {},
    needs: [],
    touches: ['instance'],
    observe: async () => ({ effective }),
    inject: async () => {
      world.log.push('inject');
      effective = true;
      return {};
    },
    prove: async () => (effective ? { seen: true } : undefined),
    heal: async () => {
      world.log.push('heal');
      effective = false;
      return { said: 'healed it', evidence: {} };
    },
    ...over,
  };
}
