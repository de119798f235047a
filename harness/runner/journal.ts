import { appendFileSync, mkdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { messageOf } from '../../pipeline/contract/errors.ts';
import type { Report } from '../../verifier/report.ts';
import type { Verdict } from '../../verifier/verdict.ts';
import { UnavailableError } from '../errors.ts';
import type { Clause } from '../plugins/clause.ts';
import type { Evidence } from '../plugins/fault.ts';
import type { Phase, VariantName } from '../plugins/scenario.ts';
import type { NotRun, RunResult, VariantResult } from './result.ts';

/** A line of the journal. Reporters print nothing that is not in one of these. */
export type JournalEntry =
  | {
      readonly t: 'run-started';
      readonly seed: number;
      readonly planned: readonly { readonly scenario: string; readonly variant: VariantName }[];
      readonly reproduce: string;
    }
  | { readonly t: 'not-run'; readonly notRun: NotRun }
  | { readonly t: 'run-ended'; readonly result: RunResult }
  | {
      readonly t: 'variant-started';
      /** The scenario's title, and what breaks in it. */
      readonly title: string;
      readonly breaks: string;
      readonly because: string;
      readonly spec: unknown;
    }
  | { readonly t: 'instance-ready'; readonly ms: number; readonly instance: Evidence }
  | { readonly t: 'phase-started'; readonly phase: Phase }
  | {
      readonly t: 'phase-ended';
      readonly phase: Phase;
      readonly ms: number;
      readonly ok: boolean;
      readonly error?: string;
    }
  | { readonly t: 'step'; readonly step: string; readonly detail?: Evidence }
  | { readonly t: 'progress'; readonly what: string; readonly value: number; readonly target: number | null }
  | { readonly t: 'undo-written'; readonly id: string; readonly fault: string }
  | {
      readonly t: 'fault-injected';
      readonly fault: string;
      readonly noOp: boolean;
      readonly evidence: Evidence;
    }
  | { readonly t: 'fault-proven'; readonly fault: string; readonly evidence: Evidence }
  | { readonly t: 'fault-not-proven'; readonly fault: string; readonly reason: string }
  | { readonly t: 'fault-healed'; readonly fault: string; readonly said: string; readonly evidence: Evidence }
  | { readonly t: 'heal-failed'; readonly fault: string; readonly error: string }
  | { readonly t: 'verification'; readonly verdict: Verdict; readonly report: Report }
  | {
      readonly t: 'clause';
      readonly kind: Clause['kind'];
      readonly why: string;
      /** Null: nothing was seen by which to judge it. */
      readonly holds: boolean | null;
      readonly detail: Evidence;
    }
  /** Done to bring the pipeline back, as a person types it. */
  | {
      readonly t: 'recovery-action';
      readonly command: string;
      readonly said: string;
      readonly evidence: Evidence;
    }
  /** Of the verification after the recovery. */
  | { readonly t: 'recovered'; readonly verdict: Verdict; readonly reason: string | null }
  | {
      readonly t: 'kept';
      readonly instance: string;
      readonly inspect: string;
      readonly recover?: readonly string[];
    }
  | { readonly t: 'drop-failed'; readonly instance: string; readonly error: string }
  | { readonly t: 'variant-ended'; readonly result: VariantResult }
  | { readonly t: 'interrupted'; readonly by: string }
  | { readonly t: 'reporter-failed'; readonly reporter: string; readonly error: string };

/** Where in the run a line belongs. */
export interface JournalContext {
  readonly runId: string;
  readonly scenario?: string;
  readonly variant?: VariantName;
}
export type JournalEvent = JournalEntry & JournalContext & { readonly at: string };
export type JournalListener = (event: JournalEvent) => void;

/** What went wrong when a journal, or one within it, was written; undefined: nothing. */
interface Trouble {
  first?: unknown;
}

/**
 * Appends one JSON object per line and writes each at once, so that the journal of a killed run is complete up to its
 * last line. Journals may share files: a variant writes to its own file and to that of the run. A line that cannot be
 * written must not keep a fault from being healed: the first such error is kept for {@link mustBeWhole}.
 */
export class Journal {
  readonly #files: readonly string[];
  readonly #context: JournalContext;
  readonly #listen: JournalListener;
  readonly #clock: () => Date;
  readonly #trouble: Trouble;

  constructor(
    files: readonly string[],
    context: JournalContext,
    listen: JournalListener,
    clock: () => Date = () => new Date(),
    trouble: Trouble = {},
  ) {
    this.#files = files;
    this.#context = context;
    this.#listen = listen;
    this.#clock = clock;
    this.#trouble = trouble;
    for (const file of files) mkdirSync(path.dirname(file), { recursive: true });
  }

  /** The journal of one scenario and variant, whose lines also appear in this one. */
  within(context: { scenario: string; variant: VariantName }, file: string): Journal {
    const whole = { ...this.#context, ...context };
    return new Journal([...this.#files, file], whole, this.#listen, this.#clock, this.#trouble);
  }

  write(entry: JournalEntry): void {
    const event: JournalEvent = { at: this.#clock().toISOString(), ...this.#context, ...entry };
    const line = `${JSON.stringify(event, (_, value) => (typeof value === 'bigint' ? String(value) : value))}\n`;
    try {
      for (const file of this.#files) appendFileSync(file, line);
    } catch (error) {
      this.#trouble.first ??= error;
    }
    this.#listen(event);
  }

  /** @throws UnavailableError where a line could not be written, as on a full disk: then the evidence has gaps. */
  mustBeWhole(): void {
    const { first } = this.#trouble;
    if (first === undefined) return;
    throw new UnavailableError(
      `The journal ${this.#files[0]} could not be written: ${messageOf(first)}.`,
      'Make room on its disk, or choose another folder with --dir.',
      first,
    );
  }
}

/** The events of a journal; a last line cut off by a kill is left out. */
export function readJournal(file: string): JournalEvent[] {
  const lines = readFileSync(file, 'utf8').split('\n');
  lines.pop();
  return lines.map((line) => JSON.parse(line) as JournalEvent);
}
