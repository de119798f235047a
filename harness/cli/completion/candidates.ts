/**
 * `harness/cli/completion`: what a shell offers when TAB is pressed.
 * In: the words of a command line up to the cursor, and the program that commander has.
 * Out: words that may stand there, each with what it means; or that files or folders may.
 * Promises: everything follows from commander's own tree, so a new command or option is offered at once; nothing is
 * started, and nothing but names is read from disk.
 */

import type { Command, Option } from 'commander';

export interface Candidate {
  readonly word: string;
  readonly means: string;
}

/** `files` and `folders` leave the candidates to the shell. */
export type Candidates = readonly Candidate[] | 'files' | 'folders';

/** Words that commander's tree does not have, such as names of scenarios, by the name of the argument or option. */
export type Names = (name: string) => Promise<readonly string[]>;

/** @param words The words behind the program's name; the last one is at the cursor, and may be empty. */
export async function candidatesFor(
  program: Command,
  words: readonly string[],
  names: Names,
): Promise<Candidates> {
  const current = words.at(-1) ?? '';
  const { command, awaiting, place, isLiteral } = walk(program, words.slice(0, -1));
  if (awaiting !== undefined) return await valuesOf(awaiting, names, current);
  if (!isLiteral && current.startsWith('--') && current.includes('=')) {
    const [flag = ''] = current.split('=', 1);
    const option = optionOf(program, command, flag);
    if (option === undefined || !takesValue(option)) return [];
    const values = await valuesOf(option, names, current.slice(flag.length + 1));
    return typeof values === 'string'
      ? values
      : values.map((one) => ({ ...one, word: `${flag}=${one.word}` }));
  }
  if (!isLiteral && current.startsWith('-'))
    return optionsFor(program, command, words).filter(begins(current));
  if (command === program) return commandsOf(program).filter(begins(current));
  const { registeredArguments } = command;
  const argument =
    registeredArguments[place] ?? registeredArguments.filter(({ variadic }) => variadic).at(-1);
  if (argument === undefined) return [];
  const known = argument.argChoices ?? (await names(argument.name()));
  const given = argument.variadic ? words.slice(0, -1) : [];
  return known
    .filter((word) => !given.includes(word))
    .map((word) => ({ word, means: argument.description }))
    .filter(begins(current));
}

interface Position {
  readonly command: Command;
  /** The option whose value the next word is. */
  readonly awaiting: Option | undefined;
  /** How many arguments the command has got. */
  readonly place: number;
  /** Behind `--`, where a dash begins no option. */
  readonly isLiteral: boolean;
}

/** Where the words lead to. */
function walk(program: Command, words: readonly string[]): Position {
  let command = program;
  let awaiting: Option | undefined;
  let place = 0;
  let isLiteral = false;
  for (const word of words) {
    if (awaiting !== undefined) awaiting = undefined;
    else if (!isLiteral && word === '--') isLiteral = true;
    else if (!isLiteral && word.startsWith('-')) {
      const option = word.includes('=') ? undefined : optionOf(program, command, word);
      if (option !== undefined && takesValue(option)) awaiting = option;
    } else if (command === program) {
      command = program.commands.find((one) => one.name() === word) ?? command;
    } else place += 1;
  }
  return { command, awaiting, place, isLiteral };
}

function optionOf(program: Command, command: Command, flag: string): Option | undefined {
  return [...command.options, ...program.options].find(isWritten(flag));
}

function isWritten(flag: string): (option: Option) => boolean {
  return ({ short, long }) => flag === short || flag === long;
}

function takesValue(option: Option): boolean {
  return option.required || option.optional;
}

const PATHS: Readonly<Record<string, 'files' | 'folders'>> = { '<file>': 'files', '<folder>': 'folders' };

async function valuesOf(option: Option, names: Names, current: string): Promise<Candidates> {
  const [placeholder = ''] = /<[^>]+>/.exec(option.flags) ?? [];
  const paths = PATHS[placeholder];
  if (paths !== undefined) return paths;
  const known = option.argChoices ?? (await names(option.attributeName()));
  return known.map((word) => ({ word, means: '' })).filter(begins(current));
}

/** Options that are not given yet. Before the command only those that it shares. */
function optionsFor(program: Command, command: Command, words: readonly string[]): Candidate[] {
  const visible = command.createHelp().visibleOptions(command);
  const shared = program.createHelp().visibleOptions(program);
  return (command === program ? shared : visible)
    .filter((option) => !words.slice(0, -1).some((word) => isWritten(word)(option)))
    .map((option) => ({ word: option.long ?? option.short ?? '', means: option.description }));
}

function commandsOf(program: Command): Candidate[] {
  const commands = program.createHelp().visibleCommands(program);
  return commands.map((command) => ({ word: command.name(), means: command.description() }));
}

function begins(current: string): (candidate: Candidate) => boolean {
  return ({ word }) => word.startsWith(current);
}
