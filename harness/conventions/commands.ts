import { codeBlocks } from './code-blocks.ts';
import type { Page } from './pages.ts';

/** A command that a page tells its reader to type. */
export interface Command {
  /** `PAGE:LINE`. */
  readonly at: string;
  readonly words: readonly string[];
  /** True in running text, where `cdc-lab explain` may name the command without its arguments. */
  readonly isNamed: boolean;
}

/** Programs whose commands are checked; the paths before `cdc-lab` are dropped. */
const PROGRAMS = ['cdc-lab', 'make', 'npm', 'npx', 'sh', 'vitest'];
/** Blocks in other languages hold no commands. */
const LANGUAGES = ['', 'sh', 'console'];

/** Commands in the code blocks of a page, and those in backticks within its text. */
export function commandsOf({ path, text }: Page): Command[] {
  const blocks = codeBlocks(text).filter(({ language }) => LANGUAGES.includes(language));
  const inBlocks = blocks.flatMap((block) => {
    const lines = block.text.split('\n');
    // In a block with prompts, a line without one is output.
    const prompted = lines.some((line) => line.startsWith('$ '));
    return lines.flatMap((line, index) => {
      if (prompted && !line.startsWith('$ ')) return [];
      return commandsIn(line.replace(/^\$ /, '')).map((words) => ({
        at: `${path}:${block.line + index}`,
        words,
        isNamed: false,
      }));
    });
  });
  const prose = text.replaceAll(/^```[\s\S]*?^```/gm, (block) => block.replaceAll(/[^\n]/g, ''));
  const inline = [...prose.matchAll(/`([^`]+)`/g)].flatMap((match) => {
    const line = prose.slice(0, match.index).split('\n').length;
    const code = (match[1] ?? '').replaceAll('\n', ' ');
    // A program's name alone is no command: `make`, `cdc-lab`.
    return commandsIn(code).flatMap((words) =>
      words.length > 1 ? [{ at: `${path}:${line}`, words, isNamed: true }] : [],
    );
  });
  return [...inBlocks, ...inline];
}

/** The commands of one line: parts of a pipeline or list, without comments, variables and redirections. */
function commandsIn(line: string): string[][] {
  const commands: string[][] = [[]];
  for (const [word] of line.matchAll(/(?:[^\s"'|&;#]|"[^"]*"|'[^']*'|(?<=\S)#)+|\|+|&+|;|#.*/g)) {
    if (word.startsWith('#')) break;
    if (/^[|&;]/.test(word)) commands.push([]);
    else commands.at(-1)?.push(word.replaceAll(/["']/g, ''));
  }
  return commands.flatMap((words) => {
    const start = words.findIndex((word) => !/^[A-Z_]+=/.test(word));
    const program = (words[start] ?? '').replace(/^(?:\.\/)?bin\//, '');
    return PROGRAMS.includes(program) ? [[program, ...words.slice(start + 1)]] : [];
  });
}

/** A word that a page leaves to its reader: `NAME`, `…`, `trigger-…`. */
export function isPlaceholder(word: string): boolean {
  return word.includes('…') || /^[A-Z]{3,}$/.test(word);
}

/**
 * A line of output without what differs between two runs: numbers, LSNs, pids, times, and the blanks that align
 * columns.
 */
export function shapeOf(line: string): string {
  return line
    .replaceAll(/[0-9A-F]+\/[0-9A-F]+/g, 'LSN')
    .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'TIME')
    .replaceAll(/\d[\d.,:]*/g, 'N')
    .replaceAll(/\s+/g, ' ')
    .trim();
}

/**
 * Lines of a page's output that the real output lacks, compared by their shape and in their order. `…` alone in a line
 * leaves out any number of lines, and at the end of one the rest of it.
 */
export function missingLines(shown: string, real: string): string[] {
  const actual = real.split('\n').map(shapeOf);
  let from = 0;
  return shown
    .split('\n')
    .filter((line) => line.trim() !== '' && line.trim() !== '…')
    .filter((line) => {
      const cut = line.trimEnd().endsWith('…');
      const wanted = shapeOf(cut ? line.trimEnd().slice(0, -1) : line);
      const found = actual.findIndex(
        (own, index) => index >= from && (cut ? own.startsWith(wanted) : own === wanted),
      );
      if (found >= 0) from = found + 1;
      return found < 0;
    });
}
