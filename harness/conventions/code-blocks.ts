/** A fenced code block of a page. */
export interface CodeBlock {
  /** The first word after the fence; empty if there is none. */
  readonly language: string;
  /** The file whose text this block is, if the fence names one: `ts harness/faults/slow-sink.ts`. */
  readonly file: string | null;
  /** `step=1`: an earlier version of the file; null for the version that counts. */
  readonly step: number | null;
  readonly text: string;
  /** Line of the page on which the text begins, counted from 1. */
  readonly line: number;
}

/** The fenced code blocks of a page, in order. @throws Error for a fence that is never closed. */
export function codeBlocks(page: string): CodeBlock[] {
  const blocks: CodeBlock[] = [];
  let open: { info: string; line: number; lines: string[] } | null = null;
  for (const [index, line] of page.split('\n').entries()) {
    if (open === null) {
      const info = /^```(.*)$/.exec(line)?.[1];
      if (info !== undefined) open = { info, line: index + 2, lines: [] };
    } else if (line.startsWith('```')) {
      blocks.push(blockOf(open));
      open = null;
    } else open.lines.push(line);
  }
  if (open !== null) throw new Error(`the code block in line ${open.line - 1} is never closed`);
  return blocks;
}

function blockOf({ info, line, lines }: { info: string; line: number; lines: string[] }): CodeBlock {
  const [language = '', file, ...options] = info.trim().split(/\s+/);
  const step = /^step=(\d+)$/.exec(options.join(' '))?.[1];
  const text = lines.map((own) => `${own}\n`).join('');
  return { language, file: file ?? null, step: step === undefined ? null : Number(step), text, line };
}
