import { randomUUID } from 'node:crypto';
import { LabError, messageOf } from '../../pipeline/contract/errors.ts';
import { accept } from '../../pipeline/contract/mistake.ts';
import type { Access } from '../access/access.ts';
import type { Instance, Lab } from '../lab/lab.ts';
import type { Evidence, Fault, FaultContext } from '../plugins/fault.ts';
import type { UndoLog } from '../undo/undo-log.ts';
import { withDeadline } from '../wait.ts';
import type { Bounds } from './bounds.ts';
import type { Journal } from './journal.ts';

/** The fault could not be shown to have taken effect, or could not be injected: no verdict can be based on it. */
export class NotProvenError extends LabError {
  constructor(fault: string, why: string, cause?: unknown) {
    super('CDC-5030', `the fault ${fault} was not shown to have taken effect: ${why}`, {
      remedy: 'see the journal for what was observed',
      cause,
    });
    this.name = 'NotProvenError';
  }
}

export interface InjectionDeps {
  readonly lab: Lab;
  readonly instance: Instance;
  readonly access: Access;
  readonly journal: Journal;
  readonly undo: UndoLog;
  readonly loadFault: (name: string) => Promise<Fault>;
  readonly noOp: NoOp;
}

/** Which injections are left out, to test that their proofs prove something: all, none, or one by its place, from 0. */
export type NoOp = boolean | { readonly only: number };

interface Injected {
  readonly id: string;
  readonly name: string;
  readonly fault: Fault;
  readonly params: Record<string, unknown>;
}

function isLeftOut(noOp: NoOp, place: number): boolean {
  return typeof noOp === 'boolean' ? noOp : noOp.only === place;
}

/** How long a proof may look when injections are left out: it should find nothing. */
const NO_OP_PROOF_MS = 2_000;

/**
 * The faults injected into one instance, each with its proof and its heal. The undo of a fault is on disk before the
 * fault is injected, so that the next command can heal it even if this process dies.
 */
export class Injections {
  readonly #deps: InjectionDeps;
  readonly #injected: Injected[] = [];
  /** How many were asked for. */
  #count = 0;
  readonly proven: string[] = [];
  readonly healed: string[] = [];
  /** Services that a fault was aimed at, as its `service` says. */
  readonly targets = new Set<string>();

  constructor(deps: InjectionDeps) {
    this.#deps = deps;
  }

  /** @returns The proof. @throws NotProvenError */
  async inject(name: string, given: Readonly<Record<string, unknown>>, bounds: Bounds): Promise<Evidence> {
    const { instance, journal, undo } = this.#deps;
    const noOp = isLeftOut(this.#deps.noOp, this.#count++);
    const fault = await this.#possible(name);
    const params = accept(fault.params, given, `the parameters of ${name}`);
    const context = this.#context(bounds);
    const before = await fault.observe(context, params);
    // After the deadline the heal may be over: a fault injected now would never be healed.
    bounds.signal.throwIfAborted();
    const id = randomUUID();
    undo.pending({ id, instance: instance.name, fault: name, params });
    this.#injected.push({ id, name, fault, params });
    if (typeof params.service === 'string') this.targets.add(params.service);
    journal.write({ t: 'undo-written', id, fault: name });
    const done = noOp ? {} : await fault.inject(context, params);
    journal.write({ t: 'fault-injected', fault: name, noOp, evidence: { before, ...done } });
    const within = noOp ? { ...context, withinMs: NO_OP_PROOF_MS } : context;
    const seen = await fault.prove(within, params, before, done);
    if (seen === undefined) throw this.#notProven(name, 'nothing of it was observed');
    this.proven.push(name);
    journal.write({ t: 'fault-proven', fault: name, evidence: seen });
    return { ...done, ...seen };
  }

  /**
   * Heals what was injected, latest first, and goes on past a heal that fails; the failures are returned.
   * @param isFinal False: a step is still running and may inject once more. What is healed then stays in the undo log,
   * for the next command to heal again.
   */
  async healAll(bounds: Bounds, isFinal: boolean): Promise<unknown[]> {
    const { undo, journal } = this.#deps;
    const failures: unknown[] = [];
    for (const { id, name, fault, params } of this.#injected.splice(0).reverse()) {
      try {
        const context = this.#context(bounds);
        const healed = await withDeadline(`${name} to heal`, bounds.withinMs, bounds.signal, (signal) =>
          fault.heal({ ...context, signal }, params),
        );
        if (isFinal) undo.done(id);
        this.healed.push(healed.said);
        journal.write({ t: 'fault-healed', fault: name, ...healed });
      } catch (error) {
        failures.push(error);
        journal.write({ t: 'heal-failed', fault: name, error: messageOf(error) });
      }
    }
    return failures;
  }

  /** The fault of that name. @throws NotProvenError if the runtime lacks what it needs. */
  async #possible(name: string): Promise<Fault> {
    const { lab, loadFault } = this.#deps;
    const fault = await loadFault(name);
    const lacking = fault.needs.filter((capability) => lab.runtime[capability] === undefined);
    if (lacking.length === 0) return fault;
    throw this.#notProven(name, `not run, the ${lab.runtime.name} runtime cannot ${lacking.join(', ')}`);
  }

  #notProven(fault: string, reason: string): NotProvenError {
    this.#deps.journal.write({ t: 'fault-not-proven', fault, reason });
    return new NotProvenError(fault, reason);
  }

  #context({ signal, withinMs }: Bounds): FaultContext {
    const { lab, instance, access } = this.#deps;
    return { lab, instance, access, signal, withinMs };
  }
}
