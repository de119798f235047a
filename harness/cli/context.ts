import type { ExternalTarget } from '../lab/external/external-control.ts';
import { withTarget } from '../terminal/with-target.ts';

/** What every command gets beside its options and arguments. */
export interface CliContext {
  /** Folder of the lab's state. */
  readonly dir: string;
  /** The pipeline of `--runtime external`, which somebody else runs; null: a lab that this project runs. */
  readonly external: ExternalTarget | null;
  readonly json: boolean;
  /** Options of the command line that lead another command to the same pipeline: `--dir`, `--config`, `--instance`. */
  readonly target: readonly string[];
  /** Colours on stdout. */
  readonly color: boolean;
  /** Colours on stderr. */
  readonly errorColor: boolean;
  /** Characters in a line of stdout; infinite if it is not a terminal. */
  readonly width: number;
  /** stderr is a terminal, on which a line may be redrawn. */
  readonly live: boolean;
  readonly stdout: NodeJS.WritableStream;
  readonly stderr: NodeJS.WritableStream;
  /** Aborts with an `Interrupted` on Ctrl-C or SIGTERM. */
  readonly signal: AbortSignal;
  /** Asks the person at the terminal, and resolves with the line that was typed. Left out: nobody is there to answer. */
  readonly ask?: (question: string) => Promise<string>;
}

/** What the exit codes of every command mean. */
export const EXIT = {
  ok: 0,
  failed: 1,
  inconclusive: 2,
  inProgress: 3,
  usage: 64,
  unavailable: 69,
  internal: 70,
  interrupted: 130,
} as const;

/** JSON on stdout: bigints as strings. */
export function printJson(context: CliContext, value: unknown): void {
  const text = JSON.stringify(value, (_, one) => (typeof one === 'bigint' ? String(one) : one), 2);
  context.stdout.write(`${text}\n`);
}

/** A line for people, on stderr. Commands in it get the options that lead to the same pipeline. */
export function say(context: CliContext, text: string): void {
  context.stderr.write(`${withTarget(text, context.target)}\n`);
}
