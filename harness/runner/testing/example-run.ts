import type { Lab } from '../../lab/lab.ts';
import type { Fault } from '../../plugins/fault.ts';
import type { JournalEvent } from '../journal.ts';
import type { RunOptions } from '../plan.ts';
import type { RunResult } from '../result.ts';
import { runAll } from '../run-all.ts';
import { FakeWorld } from './fake-lab.ts';
import { fakeFault, scenario } from './scenario.ts';

/** A run of the example scenario on a fake lab, in a folder of the test's. */
export class ExampleRun {
  readonly world = new FakeWorld();
  readonly events: JournalEvent[] = [];
  readonly interrupt = new AbortController();
  readonly dir: string;

  constructor(dir: string) {
    this.dir = dir;
  }

  start(
    options: Partial<RunOptions> = {},
    fault: Fault = fakeFault(this.world),
    lab: Lab = this.world.lab(this.dir),
  ): Promise<RunResult> {
    return runAll(
      {
        plan: [{ scenario, variant: 'sound' }],
        tunables: {},
        seed: 42,
        keep: false,
        noOp: false,
        swap: false,
        reproduce: 'cdc-lab run example --seed 42',
        ...options,
      },
      {
        lab,
        openAccess: this.world.access,
        loadFault: async () => fault,
        listen: (event) => this.events.push(event),
        signal: this.interrupt.signal,
      },
    );
  }
}
