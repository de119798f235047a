import { codeBlocks } from './code-blocks.ts';

/** A command of a lesson, with the output that the page shows below it. */
export interface LessonStep {
  /** As the reader types it: `make status`. */
  readonly command: string;
  readonly shown: string;
}

export interface Lesson {
  /** Heading without its number: `The capture restarts`. */
  readonly title: string;
  /** Commands of all blocks with prompts, in the order of the page. */
  readonly steps: readonly LessonStep[];
  /** Blocks without a prompt. */
  readonly unprompted: readonly string[];
}

/** The lessons of a page: the sections whose heading is `Lesson N · TITLE`. */
export function lessonsOf(page: string): Lesson[] {
  return page.split(/^## /m).flatMap((section) => {
    const title = /^Lesson \d+ · (.*)/.exec(section)?.[1];
    if (title === undefined) return [];
    const blocks = codeBlocks(section).map(({ text }) => text);
    const isPrompted = (block: string): boolean => /^\$ /m.test(block);
    return [
      {
        title,
        steps: blocks.filter(isPrompted).flatMap(stepsOf),
        unprompted: blocks.filter((block) => !isPrompted(block)),
      },
    ];
  });
}

function stepsOf(block: string): LessonStep[] {
  return block
    .split(/^\$ /m)
    .slice(1)
    .map((part) => {
      const [command = '', ...lines] = part.split('\n');
      return { command, shown: lines.join('\n') };
    });
}

const UUID = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g;
/** A finding, and those that follow it: which tables are hit, and how many rows, differs from run to run. */
const FINDINGS = /\d+ ([a-z]+) @(\w+) in public\.\w+(?: \([^)]*\))?(?:; (?:…|\d+ [^;·…\n]*[^;·…\s]))*/g;
/** What was found by a naive pipeline, if it takes lines below the one with the verdict. */
const BELOW_VERDICT = /^(✔ \S+ +naive +FAIL(?: → PASS)?)((?:\n {4}(?!one wrong row| ).*)+)/gm;

/**
 * The output of a lesson's command without what differs between two runs, beyond what `shapeOf` removes: which rows and
 * tables were hit, whether rows were written during a verification, and the names that a run has in front of its lines
 * if it does not write to a terminal.
 */
export function withoutChance(output: string): string {
  return (
    output
      .replaceAll(/, each since \d\d:\d\d:\d\d/g, '')
      .replaceAll(/ · exact, with \d+ keys? written meanwhile/g, '')
      .replaceAll(/^ {2}\S+ (?:sound|naive): /gm, '  ')
      .replaceAll(BELOW_VERDICT, (_, head: string, lines: string) => head + lines.replaceAll(/\n {4}/g, ' '))
      .replaceAll(FINDINGS, 'COUNT $1 @$2 in TABLES')
      // In the first moments, the sink has made few of the changes whose sums are compared.
      .replaceAll(/\d+ columns? adds? up/g, 'COLUMNS add up')
      .replaceAll(UUID, 'UUID')
      .replaceAll(/\b\d[\d.,]* (?:ms|s|min)\b/g, 'TIME')
      .replaceAll(/one wrong row of public\.\w+/g, 'one wrong row of TABLE')
      .replaceAll(/^( +(?:source|sink) +)\w+ = [^(\n]+$/gm, '$1VALUES')
      .replaceAll(
        /^lab\.public\.\w+( +\d+ +\d+ +)[\dA-F-]+\|public\.\w+\|[a-z]\|/gm,
        'TOPIC$1POSITION|TABLE|OP|',
      )
  );
}
