import type { z } from 'zod';
import type { Access } from '../access/access.ts';
import type { Instance, Lab } from '../lab/lab.ts';
import type { Runtime } from '../lab/runtime.ts';
import type { Touches } from './scope.ts';

/** Observations, never intentions: pids, states, offsets, LSNs. */
export type Evidence = Readonly<Record<string, unknown>>;

/** What a fault acts on: enough for another process to heal what the first one injected. */
export interface FaultContext {
  readonly lab: Lab;
  readonly instance: Instance;
  readonly access: Access;
  /** Aborts at the phase's deadline or on an interrupt. */
  readonly signal: AbortSignal;
  /** How long a wait within this fault may take, in milliseconds. */
  readonly withinMs: number;
}

export interface Healed {
  /** What was undone, as a sentence for people. */
  readonly said: string;
  readonly evidence: Evidence;
}

/** A capability of the runtime that a fault requires. */
export type Capability = Extract<
  keyof Runtime,
  | 'kill'
  | 'pause'
  | 'resume'
  | 'start'
  | 'stop'
  | 'restart'
  | 'disconnect'
  | 'connect'
  | 'roomOf'
  | 'fillDisk'
  | 'freeDisk'
  | 'copyData'
  | 'startCopy'
  | 'swapData'
>;

/**
 * A fault: one file in `harness/faults/`, named like the fault. It owns its proof and its heal.
 *
 * `observe` → (the undo is written to disk) → `inject` → `prove` → … → `heal`. A no-op run leaves out `inject` only:
 * `prove` must then find nothing.
 */
export interface Fault<P extends object = Record<string, unknown>> {
  /** One sentence. */
  readonly description: string;
  /** Name a server that the fault takes down in `service`: a run ends as soon as any other server goes down. */
  readonly params: z.ZodType<P>;
  /** Valid parameters, for documentation and for the plug-in test. */
  readonly example: NoInfer<P>;
  readonly needs: readonly Capability[];
  /** What is broken for others too: a server that it touches is then the pipeline's own. See {@link Touches}. */
  readonly touches: Touches<P>;
  /** The state before, for `prove` to compare with. */
  observe(context: FaultContext, params: P): Promise<Evidence>;
  /** Injects the fault. What it observes is part of the proof. */
  inject(context: FaultContext, params: P): Promise<Evidence>;
  /**
   * Evidence that the fault has taken effect; undefined if it cannot be shown within `withinMs`.
   * @param done What `inject` returned, to know what to look for; empty in a no-op run. By itself it proves nothing.
   */
  prove(context: FaultContext, params: P, before: Evidence, done: Evidence): Promise<Evidence | undefined>;
  /** Idempotent: it may be called when the fault was never injected, and again after a heal. */
  heal(context: FaultContext, params: P): Promise<Healed>;
}

/** The default export of each file in `harness/faults/`: ties the parameters' type to the schema's. */
export function defineFault<P extends object>(fault: Fault<P>): Fault<P> {
  return fault;
}
