import { messageOf } from '../../pipeline/contract/errors.ts';
import type { Phase } from '../plugins/scenario.ts';
import { withDeadline } from '../wait.ts';
import type { Bounds } from './bounds.ts';
import type { Journal } from './journal.ts';

export interface PhaseDeps {
  readonly journal: Journal;
  readonly signal: AbortSignal;
  readonly deadlinesMs: Readonly<Record<Phase, number>>;
  readonly onPhase?: ((phase: Phase) => void) | undefined;
}

/** A wait ends before its phase does, so that the error says what was waited for. */
export const STEP_SHARE = 0.9;

/** The phases of one variant: each within its deadline, with its start and end in the journal. */
export class Phases {
  readonly #deps: PhaseDeps;

  constructor(deps: PhaseDeps) {
    this.#deps = deps;
  }

  /** @throws what the work throws, DeadlineError at the phase's deadline, the signal's reason. */
  async run(phase: Phase, work: (bounds: Bounds) => Promise<void>): Promise<void> {
    const { deadlinesMs, signal } = this.#deps;
    const withinMs = Math.round(deadlinesMs[phase] * STEP_SHARE);
    const start = this.#begin(phase);
    try {
      await withDeadline(`phase ${phase} to end`, deadlinesMs[phase], signal, (inner) =>
        work({ signal: inner, withinMs }),
      );
    } catch (error) {
      this.#end(phase, start, error);
      throw error;
    }
    this.#end(phase, start, undefined);
  }

  /**
   * Runs the phase that repairs what was broken: not under the run's signal, since an interrupt must not stop it.
   * @returns The failures, which do not end the phase early.
   */
  async heal(work: (bounds: Bounds) => Promise<unknown[]>): Promise<unknown[]> {
    const start = this.#begin('heal');
    const failures = await work({
      signal: new AbortController().signal,
      withinMs: this.#deps.deadlinesMs.heal,
    });
    this.#end('heal', start, failures[0]);
    return failures;
  }

  #begin(phase: Phase): number {
    this.#deps.journal.write({ t: 'phase-started', phase });
    this.#deps.onPhase?.(phase);
    return performance.now();
  }

  #end(phase: Phase, start: number, error: unknown): void {
    const said = error === undefined ? {} : { error: messageOf(error) };
    const ms = Math.round(performance.now() - start);
    this.#deps.journal.write({ t: 'phase-ended', phase, ms, ok: error === undefined, ...said });
  }
}
