/**
 * `harness/reporters`: the output formats of a run, one file each, made from its journal.
 * In: the lines of the journal as they are written, and the result at the end.
 * Out: text on a terminal, JSON, JUnit XML, Markdown.
 * Promises: a reporter changes nothing in the run; one that throws fails the run at its end, but stops no other.
 */

import path from 'node:path';
import { describeFinding } from '../runner/expectation.ts';
import { Narrator, secondsText, wrongRowLines } from '../runner/in-words.ts';
import type { JournalEvent } from '../runner/journal.ts';
import type { Reporter } from '../runner/reporter.ts';
import type { NotRun, RunResult, VariantResult } from '../runner/result.ts';
import { type Page, type Paint, painter } from '../terminal/page.ts';
import { paintVerdict } from '../terminal/paint-verdict.ts';
import { proseWidth, widthOf } from '../terminal/stream.ts';
import { textWidth, visible } from '../terminal/text-width.ts';
import { withTarget } from '../terminal/with-target.ts';
import { wrap } from '../terminal/wrap.ts';

const INDENT = '    ';
/** Characters of the name of a scenario. A table with longer ones, as cases have, is wider. */
const NAME_WIDTH = 21;
/** `  sound  INCONCLUSIVE ` and the mark, around that name and before what was found. */
const HEAD_WIDTH = 23;
/** Characters of the line that is drawn over, at most. */
const MOST_STATUS = 120;

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

/** `stopped with CDC-1107 after 0.4 s`; for one that did not stop, what it was instead. */
function stopText({
  stopped,
  code,
  said,
  afterMs,
  state,
}: NonNullable<VariantResult['stops']>[number]): string {
  if (!stopped) return `still ${state} after ${secondsText(afterMs)}`;
  return `stopped with ${code ?? said ?? 'no reason'} after ${secondsText(afterMs)}`;
}

/** ` → PASS`, or nothing. */
function recoveredText(paint: Paint, { recovered }: VariantResult): string {
  return recovered === undefined ? '' : ` → ${paintVerdict(paint, recovered)}`;
}

/** A line for a variant; if it would be longer than the page, what was found goes to lines below it. */
export function outcomeLines(
  { paint, width }: Page,
  result: VariantResult,
  nameWidth = NAME_WIDTH,
): string[] {
  const mark = result.ok ? paint.green('✔') : paint.red('✖');
  const after = result.recovered === undefined ? '' : ` → ${result.recovered}`;
  const gap = ' '.repeat(Math.max(0, 12 - result.verdict.length - after.length));
  const failing = result.findings.filter((finding) => finding.verdict === 'FAIL').map(describeFinding);
  const twice = result.duplicates.delivered ?? 0;
  const notes = [
    ...(failing.length > 0 ? [`${failing.slice(0, 2).join('; ')}${failing.length > 2 ? '; …' : ''}`] : []),
    ...(failing.length === 0 && twice > 0
      ? [`${twice} delivered twice, ${result.duplicates.suppressed ?? 0} suppressed`]
      : []),
    ...(result.stops ?? []).map(stopText),
    ...(result.recoveryMs === null ? [] : [`recovered in ${secondsText(result.recoveryMs)}`]),
    ...(result.notRecovered === undefined ? [] : [`not recovered: ${result.notRecovered}`]),
    ...(result.outOfScope === undefined ? [] : [`out of scope: ${result.outOfScope.join(', ')}`]),
  ];
  const name = `${result.scenario.padEnd(nameWidth)} ${result.variant.padEnd(6)}`;
  const head = `${mark} ${name} ${paintVerdict(paint, result.verdict)}${recoveredText(paint, result)}`;
  const said = visible(notes.join(' · '));
  const isLong = nameWidth + HEAD_WIDTH + textWidth(said) > width;
  const dim = (line: string): string => paint.dim(line);
  const below = (text: string): string[] => wrap(`${INDENT}${visible(text)}`, width, INDENT);
  const lines = isLong ? [head, ...below(said).map(dim)] : [`${head}${gap} ${dim(said)}`.trimEnd()];
  if (!result.ok) {
    // What follows the first line is a list of its own.
    const [reason = '', ...list] = (result.reason ?? '').split('\n');
    const all = [...below(reason), ...list.flatMap((line) => below(`  ${line}`))];
    lines.push(...all.map((line) => paint.red(line)));
  }
  return lines;
}

/** @param journal Its folder; null where the run failed before it had one. */
function summaryLines(page: Page, result: RunResult, journal: string | null): string[] {
  const { paint, width } = page;
  const met = result.results.filter((one) => one.ok).length;
  const left = result.notRun?.length ?? 0;
  const verdicts = `${met} of ${result.results.length} verdicts as expected`;
  const all = [...result.results, ...(result.notRun ?? [])];
  const nameWidth = Math.max(NAME_WIDTH, ...all.map(({ scenario }) => scenario.length));
  const said = `${verdicts}${left === 0 ? '' : `, ${left} not run`}, ${secondsText(result.durationMs)}`;
  return [
    '',
    ...result.results.flatMap((one) => outcomeLines(page, one, nameWidth)),
    ...(result.notRun ?? []).flatMap((one) => notRunLines(page, one, nameWidth)),
    '',
    result.ok ? paint.green(`✔ ${said}`) : paint.red(`✖ ${said}`),
    ...(result.endedEarly === undefined
      ? []
      : wrap(`  the run did not end: ${result.endedEarly}`, width, INDENT).map((line) => paint.red(line))),
    // A command or a path is never broken: it is there to be copied.
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

function notRunLines(
  { paint, width }: Page,
  { scenario, variant, reason }: NotRun,
  nameWidth: number,
): string[] {
  const text = `– ${scenario.padEnd(nameWidth)} ${variant.padEnd(6)} not run      ${visible(reason)}`;
  return wrap(text, width, INDENT).map((line) => paint.dim(line));
}

/** On a terminal one line that is drawn over as the run goes on; elsewhere plain lines. */
class Terminal {
  readonly #err: NodeJS.WritableStream;
  readonly #live: boolean;
  readonly #paint: Paint;
  readonly #target: readonly string[];
  #drawn = false;

  constructor(err: NodeJS.WritableStream, live: boolean, paint: Paint, target: readonly string[]) {
    this.#err = err;
    this.#live = live;
    this.#paint = paint;
    this.#target = target;
  }

  /** As it is now: a window may be resized while the run goes on. */
  get page(): Page {
    return { paint: this.#paint, width: widthOf(this.#err) };
  }

  line(text: string): void {
    this.#draw(withTarget(text, this.#target));
  }

  /** A sentence: on a terminal, which breaks lines within words, it is broken at spaces. */
  text(text: string): void {
    // Before it is wrapped, which may break a command.
    const whole = visible(withTarget(text, this.#target));
    for (const line of wrap(whole, proseWidth(this.page.width), INDENT)) this.#draw(line);
  }

  #draw(line: string): void {
    this.erase();
    this.#err.write(`${line}\n`);
  }

  status(text: string): void {
    if (!this.#live) return;
    this.erase();
    const room = Math.min(proseWidth(this.page.width), MOST_STATUS) - 1;
    this.#err.write(this.#paint.dim(`  … ${text}`.slice(0, room)));
    this.#drawn = true;
  }

  erase(): void {
    if (this.#drawn) this.#err.write('\r\u001B[2K');
    this.#drawn = false;
  }
}

const reporter: Reporter = {
  description: 'progress on stderr, the table of verdicts at the end on stdout',
  create: ({ stdout, stderr, live, color, labDir, target = [] }) => {
    const paint = painter(color.stderr);
    const terminal = new Terminal(stderr, live, paint, target);
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
          const { page } = terminal;
          for (const text of outcomeLines(page, event.result)) terminal.line(text);
          const { wrongRow } = event.result;
          const lines = wrongRow === undefined ? [] : wrongRowLines(wrongRow, page.width - INDENT.length);
          for (const text of lines) terminal.line(`${INDENT}${text}`);
        }
        const status = statusOf(event);
        if (status !== undefined) terminal.status(`${where}${status}`);
      },
      end: async (result) => {
        terminal.erase();
        const page = { paint: painter(color.stdout), width: widthOf(stdout) };
        stdout.write(withTarget(summaryLines(page, result, journal).join('\n'), target));
      },
    };
  },
};

export default reporter;
