import { type Command, InvalidArgumentError, Option } from 'commander';
import { shellWord } from '../terminal/shell-word.ts';

/** An option of a command: how it is written, what it says in `--help`, and what its text is parsed into. */
export interface Flag<T> {
  /** As commander reads it: `--rate <n>`, `-n, --lines <n>`, `--no-color`. */
  readonly usage: string;
  readonly help: string;
  /** The value where the command line does not have the option. */
  readonly standard: T;
  /** @throws InvalidArgumentError that says what is allowed. Left out: the text itself, or true. */
  readonly parse?: (text: string) => unknown;
  /** The option may be given several times; its value is the list of all texts. */
  readonly repeatable?: boolean;
  readonly choices?: readonly (string | number)[];
  /** Names of options that cannot be combined with this one, as keys of its table. */
  readonly conflicts?: readonly string[];
  readonly hidden?: boolean;
  /** The option changes where results go, not what the command does: a reproduction leaves it out. */
  readonly reportsOnly?: boolean;
}

/** Options of a command by the name under which its action gets them, in the order of `--help`. */
export type Flags = Readonly<Record<string, Flag<unknown>>>;

/** The typed values of a table of options: what an action gets. */
export type ValuesOf<F extends Flags> = {
  readonly [K in keyof F]: F[K] extends Flag<infer T> ? T : never;
};

type More = Pick<Flag<unknown>, 'conflicts' | 'hidden' | 'reportsOnly'>;

export function toggle(usage: string, help: string, more: More = {}): Flag<boolean> {
  return { usage, help, standard: usage.startsWith('--no-'), ...more };
}

export function text(usage: string, help: string, more: More = {}): Flag<string | undefined> {
  return { usage, help, standard: undefined, ...more };
}

export function texts(usage: string, help: string): Flag<readonly string[]> {
  return { usage, help, standard: [], repeatable: true };
}

export function choice<const C extends string | number>(
  usage: string,
  choices: readonly C[],
  help: string,
  more: More = {},
): Flag<C | undefined> {
  const parse = (given: string): C => {
    const found = choices.find((one) => String(one) === given);
    if (found !== undefined) return found;
    throw new InvalidArgumentError(`Allowed choices are ${choices.join(', ')}.`);
  };
  return { usage, help, standard: undefined, choices, parse, ...more };
}

/** What an option's number may be. */
export interface Range {
  /** The subject of the error, with its article: `a rate`. */
  readonly what: string;
  readonly atLeast: number;
  readonly atMost: number;
}

export function number(usage: string, range: Range, help: string, more: More = {}): Flag<number | undefined> {
  return { usage, help, standard: undefined, parse: (given) => numberFrom(given, range), ...more };
}

export function integer(
  usage: string,
  range: Range,
  help: string,
  more: More = {},
): Flag<number | undefined> {
  const parse = (given: string): number => {
    const value = numberFrom(given, range, 'a whole number');
    if (!Number.isInteger(value)) throw outOf(range, 'a whole number');
    return value;
  };
  return { usage, help, standard: undefined, parse, ...more };
}

/** `30` or `30s`. */
export function seconds(usage: string, help: string, more: More = {}): Flag<number | undefined> {
  const range = { what: 'an interval', atLeast: 0.1, atMost: LONGEST_SECONDS };
  const parse = (given: string): number => numberFrom(given.replace(/s$/, ''), range);
  return { usage, help, standard: undefined, parse, ...more };
}

/** The option with a value for command lines that do not have it; `--help` shows the value. */
export function withDefault<T>(flag: Flag<T | undefined>, standard: NoInfer<T>): Flag<T> {
  return { ...flag, standard };
}

/** A day: a timer of more than 24 days would fire at once. */
export const LONGEST_SECONDS = 86_400;
/** For counts without another bound: above this, numbers skip integers. */
export const LARGEST_COUNT = Number.MAX_SAFE_INTEGER;

function numberFrom(given: string, range: Range, kind = 'a number'): number {
  const value = Number(given);
  const isDecimal = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(given);
  if (!isDecimal || value < range.atLeast || value > range.atMost) throw outOf(range, kind);
  return value;
}

function outOf({ what, atLeast, atMost }: Range, kind: string): InvalidArgumentError {
  const upTo = atMost === LARGEST_COUNT ? 'on' : `to ${atMost.toLocaleString('en')}`;
  return new InvalidArgumentError(`${what} is ${kind} from ${atLeast} ${upTo}.`);
}

/** Declares the options of a table on a command. */
export function declareFlags(command: Command, flags: Flags): void {
  for (const [key, flag] of Object.entries(flags)) command.addOption(optionOf(key, flag));
}

function optionOf(key: string, flag: Flag<unknown>): Option {
  const { usage, help, standard, parse, repeatable, choices, conflicts, hidden } = flag;
  const option = new Option(usage, help);
  const name = option.attributeName();
  if (name !== key)
    throw new Error(`the option ${usage} is listed as ${key}, but commander calls it ${name}`);
  if (repeatable) option.argParser((one: string, before: readonly string[] = []) => [...before, one]);
  else if (parse !== undefined) option.argParser((one: string) => parse(one));
  if (choices !== undefined) option.argChoices = choices.map(String);
  if (typeof standard === 'string' || typeof standard === 'number') option.default(standard);
  if (conflicts !== undefined) option.conflicts([...conflicts]);
  return hidden ? option.hideHelp() : option;
}

/** The values of a table's options on a command that has parsed its arguments. */
export function valuesOf<F extends Flags>(command: Command, flags: F): ValuesOf<F> {
  const given = command.opts();
  const values = Object.entries(flags).map(([key, { standard }]) => [key, given[key] ?? standard]);
  // The one place where a table's types are taken at their word: each parser returns what its flag says.
  return Object.fromEntries(values) as ValuesOf<F>;
}

/**
 * The command line that does the same again: every option whose value is not the standard one, those in `always` in any
 * case, and none that only says where results go.
 */
export function commandLine<F extends Flags>(
  command: string,
  args: readonly string[],
  flags: F,
  values: ValuesOf<F>,
  always: readonly (keyof F)[] = [],
): string {
  const options = Object.entries(flags).flatMap(([key, flag]) => {
    const value: unknown = values[key];
    if (flag.reportsOnly || (value === flag.standard && !always.includes(key))) return [];
    const [name = ''] = flag.usage.split(', ').at(-1)?.split(' ') ?? [];
    if (typeof value === 'boolean') return [name];
    const given = Array.isArray(value) ? value : [value];
    return given.map((one) => `${name} ${shellWord(String(one))}`);
  });
  return [command, ...args.map(shellWord), ...options].join(' ');
}
