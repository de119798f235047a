import type { z } from 'zod';
import { LabError } from '../../pipeline/contract/errors.ts';
import { mistakeIn } from '../../pipeline/contract/mistake.ts';
import type { Access } from '../access/access.ts';
import { UsageError } from '../errors.ts';
import type { Instance, Lab } from '../lab/lab.ts';
import type { Evidence } from './fault.ts';
import { assertMethods, loadPlugin, pluginIds } from './load-plugin.ts';

/** What a recovery action acts on. */
export interface RecoveryContext {
  readonly lab: Lab;
  readonly instance: Instance;
  readonly access: Access;
  /** Aborts at the deadline or on an interrupt. */
  readonly signal: AbortSignal;
  /** How long a wait within this action may take, in milliseconds. */
  readonly withinMs: number;
}

/** What an action would do to this pipeline now. */
export interface RecoveryPlan {
  /** As sentences, in order; without a full stop. */
  readonly does: readonly string[];
  /** The same by hand: requests, SQL. Passwords are left out. */
  readonly commands: readonly string[];
  /** What is lost, as a sentence; null: nothing. */
  readonly loses: string | null;
  /** The command that undoes it; null: see {@link Recovery.undo}. */
  readonly undo: string | null;
}

export interface Recovered {
  /** What was done, as a sentence for people. */
  readonly said: string;
  readonly evidence: Evidence;
}

/**
 * A recovery action: one file in `harness/recover/`, named as its command is typed: `connectors-restart` is
 * `cdc-lab connectors restart`.
 */
export interface Recovery<P extends object = Record<string, unknown>> {
  /** What it does, in one sentence. */
  readonly description: string;
  readonly params: z.ZodType<P>;
  /** Valid parameters, for documentation and for the plug-in test. */
  readonly example: NoInfer<P>;
  /** When it is safe, as a sentence. */
  readonly safeWhen: string;
  /** What it may lose, as a sentence; null: nothing, whatever the parameters are. */
  readonly loses: string | null;
  /** How to undo it, or why that is impossible or not needed, as a sentence. */
  readonly undo: string;
  /**
   * It consists of one request: when that fails, its error says all, and nothing is left half done. Left out: several
   * steps; after an error the action stays on record until it is run again.
   */
  readonly isOneStep?: true;
  /** The words behind `cdc-lab`, secrets masked: they are printed, and stored until the action is done. */
  typed(params: P): readonly string[];
  /** Changes nothing. @throws UsageError where the action refuses. */
  plan(context: RecoveryContext, params: P): Promise<RecoveryPlan>;
  /**
   * Does it, and proves by observation that it took effect. Idempotent: run again after an interrupt, it finishes what
   * was begun.
   */
  run(context: RecoveryContext, params: P): Promise<Recovered>;
}

/** The default export of each file in `harness/recover/`: ties the parameters' type to the schema's. */
export function defineRecovery<P extends object>(recovery: Recovery<P>): Recovery<P> {
  return recovery;
}

const RECOVERIES = 'harness/recover';
const TEXTS = ['safeWhen', 'undo'] as const;

export const recoveryNames = (): Promise<string[]> => pluginIds(RECOVERIES);

/**
 * The recovery action of that name, its shape checked.
 * @throws UsageError for an unknown name; LabError for a file that breaks its contract.
 */
export async function loadRecovery(name: string): Promise<Recovery> {
  const recovery = await loadPlugin(RECOVERIES, 'recovery action', name);
  const where = `${RECOVERIES}/${name}.ts`;
  assertMethods(recovery, ['typed', 'plan', 'run'], where);
  const found = recovery as Recovery;
  const lacks = TEXTS.filter((text) => typeof found[text] !== 'string' || found[text] === '');
  if (lacks.length === 0 && found.loses !== undefined) return found;
  throw new LabError('CDC-5012', `${where} does not say ${[...lacks, 'loses'].join(', ')}`, {
    remedy: 'say when it is safe, what it loses (null: nothing), and how to undo it',
  });
}

/** The parameters, as the action takes them. @throws UsageError that says what is wrong with them. */
export function recoveryParams({ params }: Recovery, name: string, value: object): Record<string, unknown> {
  const parsed = params.safeParse(value);
  if (parsed.success) return parsed.data;
  const mistake = mistakeIn(parsed.error, { schema: params, value, whole: `${name}` });
  throw new UsageError(`${name}: ${mistake}`, `cdc-lab ${name.split('-', 1)[0]} --help has examples`);
}
