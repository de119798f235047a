import { Chalk } from 'chalk';
import type { Verdict } from '../../verifier/verdict.ts';
import { describeFinding } from '../runner/expectation.ts';
import type { JournalEvent } from '../runner/journal.ts';
import type { Reporter } from '../runner/reporter.ts';
import type { NotRun, RunResult, VariantResult } from '../runner/result.ts';

type Paint = InstanceType<typeof Chalk>;

/** What a line of the journal is worth on the way; undefined where it is not. */
function progressOf(event: JournalEvent): string | undefined {
  switch (event.t) {
    case 'instance-ready':
      return `pipeline stands after ${seconds(event.ms)}`;
    case 'phase-ended':
      return event.ok ? undefined : `${event.phase}: ${event.error ?? 'failed'}`;
    case 'fault-proven':
      return `${event.fault}: took effect`;
    case 'fault-not-proven':
      return `${event.fault}: not shown to have taken effect (${event.reason})`;
    case 'fault-healed':
      return event.said;
    case 'heal-failed':
      return `${event.fault} could not be healed: ${event.error}`;
    case 'verification':
      return `verifier: ${event.verdict}`;
    case 'kept':
      return `kept ${event.instance}: ${event.inspect}`;
    case 'drop-failed':
      return `${event.instance} could not be dropped, the next up tries again: ${event.error}`;
    default:
      return undefined;
  }
}

/** Where the run is just now, for the line that is drawn again and again. */
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

function outcomeLines(paint: Paint, result: VariantResult): string[] {
  const mark = result.ok ? paint.green('✔') : paint.red('✖');
  const pad = ' '.repeat(Math.max(0, 12 - result.verdict.length));
  const failing = result.findings.filter((finding) => finding.verdict === 'FAIL').map(describeFinding);
  const twice = result.duplicates.delivered ?? 0;
  const notes = [
    ...(failing.length > 0 ? [`${failing.slice(0, 2).join('; ')}${failing.length > 2 ? '; …' : ''}`] : []),
    ...(failing.length === 0 && twice > 0
      ? [`${twice} delivered twice, ${result.duplicates.suppressed ?? 0} suppressed`]
      : []),
    ...(result.recoveryMs === null ? [] : [`recovered in ${seconds(result.recoveryMs)}`]),
  ];
  const name = `${result.scenario.padEnd(21)} ${result.variant.padEnd(6)}`;
  const lines = [
    `${mark} ${name} ${paintVerdict(paint, result.verdict)}${pad} ${paint.dim(notes.join(' · '))}`,
  ];
  if (!result.ok) lines.push(paint.red(`    ${result.reason ?? ''}`));
  return lines;
}

function summaryLines(paint: Paint, result: RunResult): string[] {
  const met = result.results.filter((one) => one.ok).length;
  const left = result.notRun?.length ?? 0;
  const verdicts = `${met} of ${result.results.length} verdicts as expected`;
  const said = `${verdicts}${left === 0 ? '' : `, ${left} not run`}, ${seconds(result.durationMs)}`;
  return [
    '',
    ...result.results.flatMap((one) => outcomeLines(paint, one)),
    ...(result.notRun ?? []).map((one) => notRunLine(paint, one)),
    '',
    result.ok ? paint.green(`✔ ${said}`) : paint.red(`✖ ${said}`),
    paint.dim(`  seed ${result.seed} · again: ${result.reproduce} · journal: runs/${result.runId}/`),
    '',
  ];
}

function notRunLine(paint: Paint, { scenario, variant, reason }: NotRun): string {
  return paint.dim(`– ${scenario.padEnd(21)} ${variant.padEnd(6)} not run      ${reason}`);
}

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;

/** One line on a terminal, drawn over as the run goes on; plain lines otherwise. */
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

  line(text: string): void {
    this.erase();
    this.#err.write(`${text}\n`);
  }

  status(text: string): void {
    if (!this.#live) return;
    this.erase();
    this.#err.write(this.#paint.dim(`  … ${text}`.slice(0, 100)));
    this.#drawn = true;
  }

  erase(): void {
    if (this.#drawn) this.#err.write('\r\u001B[2K');
    this.#drawn = false;
  }
}

const reporter: Reporter = {
  description: 'progress on stderr, the table of verdicts at the end on stdout',
  create: ({ stdout, stderr, live }) => {
    const paint = new Chalk(live ? {} : { level: 0 });
    const terminal = new Terminal(stderr, live, paint);
    return {
      on: (event) => {
        const where = event.scenario === undefined ? '' : `${event.scenario} ${event.variant ?? ''}: `;
        if (event.t === 'run-started') terminal.line(`seed ${event.seed} · again: ${event.reproduce}`);
        if (event.t === 'variant-started') terminal.line(paint.bold(`${where}${event.because}`));
        const line = progressOf(event);
        if (line !== undefined) terminal.line(`  ${live ? '' : where}${line}`);
        if (event.t === 'variant-ended')
          for (const text of outcomeLines(paint, event.result)) terminal.line(text);
        const status = statusOf(event);
        if (status !== undefined) terminal.status(`${where}${status}`);
      },
      end: async (result) => {
        terminal.erase();
        stdout.write(summaryLines(paint, result).join('\n'));
      },
    };
  },
};

export default reporter;
