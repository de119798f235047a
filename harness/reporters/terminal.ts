/**
 * `harness/reporters`: the output formats of a run, one file each, made from its journal.
 * In: the lines of the journal as they are written, and the result at the end.
 * Out: text on a terminal, JSON, JUnit XML, Markdown.
 * Promises: a reporter changes nothing in the run; one that throws fails the run at its end, but stops no other.
 */

import path from 'node:path';
import { Chalk } from 'chalk';
import type { Verdict } from '../../verifier/verdict.ts';
import { describeFinding } from '../runner/expectation.ts';
import { Narrator, secondsText, wrongRowLines } from '../runner/in-words.ts';
import type { JournalEvent } from '../runner/journal.ts';
import type { Reporter } from '../runner/reporter.ts';
import type { NotRun, RunResult, VariantResult } from '../runner/result.ts';
import { wrap } from '../wrap.ts';

type Paint = InstanceType<typeof Chalk>;

/** Where the width of a terminal is not known. */
const MOST_WIDTH = 120;
const INDENT = '    ';
/** `✔ duplicate-resnapshot  sound  INCONCLUSIVE `, before what was found. */
const HEAD_WIDTH = 44;

/** What the run is doing, for the line that is drawn over. */
function statusOf(event: JournalEvent): string | undefined {
  switch (event.t) {
    case 'variant-started':
      return 'setting up';
    case 'phase-started':
      return event.phase;
    case 'step':
      return event.step;
    case 'progress':
      return `${event.value}${event.target === null ? '' : ` of ${event.target}`} ${event.what}`;
    default:
      return undefined;
  }
}

function paintVerdict(paint: Paint, verdict: Verdict): string {
  const colour = {
    PASS: 'green',
    WARN: 'yellow',
    SYNC_IN_PROGRESS: 'cyan',
    INCONCLUSIVE: 'magenta',
    FAIL: 'red',
  } as const;
  return paint[colour[verdict]](verdict);
}

/** A line for a variant; if it would be longer than `width`, what was found goes to a second one. */
function outcomeLines(paint: Paint, result: VariantResult, width: number): string[] {
  const mark = result.ok ? paint.green('✔') : paint.red('✖');
  const pad = ' '.repeat(Math.max(0, 12 - result.verdict.length));
  const failing = result.findings.filter((finding) => finding.verdict === 'FAIL').map(describeFinding);
  const twice = result.duplicates.delivered ?? 0;
  const notes = [
    ...(failing.length > 0 ? [`${failing.slice(0, 2).join('; ')}${failing.length > 2 ? '; …' : ''}`] : []),
    ...(failing.length === 0 && twice > 0
      ? [`${twice} delivered twice, ${result.duplicates.suppressed ?? 0} suppressed`]
      : []),
    ...(result.recoveryMs === null ? [] : [`recovered in ${secondsText(result.recoveryMs)}`]),
    ...(result.outOfScope === undefined ? [] : [`out of scope: ${result.outOfScope.join(', ')}`]),
  ];
  const name = `${result.scenario.padEnd(21)} ${result.variant.padEnd(6)}`;
  const head = `${mark} ${name} ${paintVerdict(paint, result.verdict)}`;
  const said = notes.join(' · ');
  const isLong = HEAD_WIDTH + said.length > width;
  const below = wrap(`${INDENT}${said}`, width, INDENT).map((line) => paint.dim(line));
  const lines = isLong ? [head, ...below] : [`${head}${pad} ${paint.dim(said)}`];
  if (!result.ok) lines.push(paint.red(`${INDENT}${result.reason ?? ''}`.replaceAll('\n', `\n${INDENT}  `)));
  return lines;
}

/** @param journal Its folder; null where the run failed before it had one. */
function summaryLines(paint: Paint, result: RunResult, width: number, journal: string | null): string[] {
  const met = result.results.filter((one) => one.ok).length;
  const left = result.notRun?.length ?? 0;
  const verdicts = `${met} of ${result.results.length} verdicts as expected`;
  const said = `${verdicts}${left === 0 ? '' : `, ${left} not run`}, ${secondsText(result.durationMs)}`;
  return [
    '',
    ...result.results.flatMap((one) => outcomeLines(paint, one, width)),
    ...(result.notRun ?? []).map((one) => notRunLine(paint, one)),
    '',
    result.ok ? paint.green(`✔ ${said}`) : paint.red(`✖ ${said}`),
    ...(result.endedEarly === undefined ? [] : [paint.red(`  the run did not end: ${result.endedEarly}`)]),
    paint.dim(`  seed ${result.seed} · again: ${result.reproduce}`),
    ...(journal === null ? [] : [paint.dim(`  journal: ${journal}`)]),
    ...keepHint(paint, result),
    '',
  ];
}

/** A run drops its pipelines; a naive one that failed is worth a look. */
function keepHint(paint: Paint, { results }: RunResult): string[] {
  const failed = results.find(({ verdict, variant }) => verdict === 'FAIL' && variant === 'naive');
  if (failed === undefined) return [];
  const { scenario, variant } = failed;
  return [paint.dim(`  look at a wrong pipeline: cdc-lab run ${scenario} --variant ${variant} --keep`)];
}

function notRunLine(paint: Paint, { scenario, variant, reason }: NotRun): string {
  return paint.dim(`– ${scenario.padEnd(21)} ${variant.padEnd(6)} not run      ${reason}`);
}

/** On a terminal one line that is drawn over as the run goes on; elsewhere plain lines. */
class Terminal {
  readonly #err: NodeJS.WritableStream;
  readonly #live: boolean;
  readonly #paint: Paint;
  #drawn = false;

  constructor(err: NodeJS.WritableStream, live: boolean, paint: Paint) {
    this.#err = err;
    this.#live = live;
    this.#paint = paint;
  }

  /** Characters in a line. */
  get width(): number {
    return 'columns' in this.#err && typeof this.#err.columns === 'number' ? this.#err.columns : MOST_WIDTH;
  }

  line(text: string): void {
    this.erase();
    this.#err.write(`${text}\n`);
  }

  /** A sentence: on a terminal, which breaks lines within words, it is broken at spaces. */
  text(text: string): void {
    for (const line of this.#live ? wrap(text, this.width, INDENT) : [text]) this.line(line);
  }

  status(text: string): void {
    if (!this.#live) return;
    this.erase();
    this.#err.write(this.#paint.dim(`  … ${text}`.slice(0, Math.min(this.width, MOST_WIDTH) - 1)));
    this.#drawn = true;
  }

  erase(): void {
    if (this.#drawn) this.#err.write('\r\u001B[2K');
    this.#drawn = false;
  }
}

const reporter: Reporter = {
  description: 'progress on stderr, the table of verdicts at the end on stdout',
  create: ({ stdout, stderr, live, labDir }) => {
    const paint = new Chalk(live ? {} : { level: 0 });
    const terminal = new Terminal(stderr, live, paint);
    const narrator = new Narrator();
    let journal: string | null = null;
    return {
      on: (event) => {
        if (event.t === 'run-started') journal = path.join(labDir, 'runs', event.runId, path.sep);
        const where = event.scenario === undefined ? '' : `${event.scenario} ${event.variant ?? ''}: `;
        if (event.t === 'run-started') terminal.line(`seed ${event.seed} · again: ${event.reproduce}`);
        if (event.t === 'variant-started') {
          terminal.line('');
          terminal.line(paint.bold(`${event.title}, ${event.variant} pipeline`));
          terminal.text(`  what breaks: ${event.breaks}`);
          terminal.text(`  what this pipeline does: ${event.because}`);
        }
        const line = narrator.describe(event);
        if (line !== undefined) terminal.text(`  ${live ? '' : where}${line}`);
        if (event.t === 'variant-ended') {
          for (const text of outcomeLines(paint, event.result, terminal.width)) terminal.line(text);
          const { wrongRow } = event.result;
          const lines = wrongRow === undefined ? [] : wrongRowLines(wrongRow, terminal.width - INDENT.length);
          for (const text of lines) terminal.line(`${INDENT}${text}`);
        }
        const status = statusOf(event);
        if (status !== undefined) terminal.status(`${where}${status}`);
      },
      end: async (result) => {
        terminal.erase();
        stdout.write(summaryLines(paint, result, terminal.width, journal).join('\n'));
      },
    };
  },
};

export default reporter;
