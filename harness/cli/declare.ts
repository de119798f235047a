import type { CliContext } from './context.ts';
import type { Flags, ValuesOf } from './parse-options.ts';

/** An action gets its context, its typed options and its arguments, does the work, and returns the exit code. */
export type Action<F extends Flags> = (
  context: CliContext,
  values: ValuesOf<F>,
  args: readonly string[],
) => Promise<number>;

/** Declares one command: its usage, its line in `--help`, its options, and where its action is loaded from. */
export type Declare = <F extends Flags>(
  usage: string,
  help: string,
  flags: F,
  load: () => Promise<Action<F>>,
) => void;

/** What an argument of a command is. */
export interface Argument {
  readonly help: string;
  /** For the help and for completion; the command itself refuses others. */
  readonly choices?: readonly string[];
}
