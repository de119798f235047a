import { shellLine } from './shell-word.ts';

const ANY_TARGET = ['--dir', '--config', '--runtime'];
/** Commands that look at one pipeline of the lab. */
const ONE_PIPELINE = [...ANY_TARGET, '--instance'];

/** Options by which a printed command finds the lab, or the pipeline that somebody else runs. Other commands need none. */
const TARGET_OPTIONS: Readonly<Record<string, readonly string[]>> = {
  ...Object.fromEntries(['up', 'logs', 'doctor'].map((name) => [name, ['--dir']])),
  ...Object.fromEntries(
    ['down', 'clean', 'heal', 'run', 'trigger', 'consume'].map((name) => [name, ANY_TARGET]),
  ),
  ...Object.fromEntries(
    ['env', 'status', 'watch', 'lag', 'connectors', 'sql', 'explain']
      .concat('topics', 'snapshot', 'dedupe', 'offsets', 'slot', 'dead-letters', 'upgrade', 'repair')
      .map((name) => [name, ONE_PIPELINE]),
  ),
  config: ['--config'],
};

/** The options that {@link withTarget} gives to a command. */
export function targetOptionsOf(command: string): readonly string[] {
  return TARGET_OPTIONS[command] ?? [];
}

/**
 * A text in which each command leads to the lab that the text is about, also if it is pasted into a shell: the parts
 * that write such texts do not know which options the command line had.
 *
 * @param target Options and their values in turn: `--dir`, `my lab`. A command that has one already keeps it.
 */
export function withTarget(text: string, target: readonly string[]): string {
  if (target.length === 0) return text;
  return text.replaceAll(
    /(?<![\w/.-])cdc-lab ([a-z]+(?:-[a-z]+)*)\b(?! schema\b)(?=((?:(?!cdc-lab )[^\n`])*))/g,
    (command, name: string, rest: string) => {
      const wanted = targetOptionsOf(name).filter((option) => !rest.includes(` ${option} `));
      const words = wanted.flatMap((option) => {
        const at = target.indexOf(option);
        return at < 0 ? [] : target.slice(at, at + 2);
      });
      return words.length === 0 ? command : `${command} ${shellLine(words)}`;
    },
  );
}
