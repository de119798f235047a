import type { z } from 'zod';
import type { Access } from '../access/access.ts';
import type { Instance, Lab } from '../lab/lab.ts';
import type { Runtime } from '../lab/runtime.ts';

/** Observations, never intentions: pids, states, offsets, LSNs. */
export type Evidence = Readonly<Record<string, unknown>>;

/** What a fault acts on. Enough to heal with after the process that injected it is gone. */
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

/** A capability of the runtime that a fault cannot do without. */
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
>;

/**
 * A fault: one file in `harness/faults/`, the file's name is its name. It owns its proof and its heal.
 *
 * `observe` → (undo written to disk) → `inject` → `prove` → … → `heal`. A run with injections replaced by a no-op
 * leaves out `inject` alone: `prove` must then find nothing.
 */
export interface Fault<P extends object = Record<string, unknown>> {
  /** One sentence. */
  readonly description: string;
  readonly params: z.ZodType<P>;
  /** Valid parameters, for documentation and for the plug-in test. */
  readonly example: NoInfer<P>;
  readonly needs: readonly Capability[];
  /** The state before, for `prove` to compare with. */
  observe(context: FaultContext, params: P): Promise<Evidence>;
  /** Does it. What it saw on the way is part of the proof. */
  inject(context: FaultContext, params: P): Promise<Evidence>;
  /** Evidence that the fault has taken effect; undefined where it cannot be shown within `withinMs`. */
  prove(context: FaultContext, params: P, before: Evidence): Promise<Evidence | undefined>;
  /** Idempotent: also right when the fault was never injected, or was healed before. */
  heal(context: FaultContext, params: P): Promise<Healed>;
}

/** The default export of each file in `harness/faults/`: ties the parameters' type to the schema's. */
export function defineFault<P extends object>(fault: Fault<P>): Fault<P> {
  return fault;
}
