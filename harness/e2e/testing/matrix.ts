import { EVERYTHING, EXPECTED, type Expectation } from '../../../fixtures/defects/expected.ts';
import { loadDefect } from '../../../fixtures/defects/load.ts';
import type { Report } from '../../../verifier/report.ts';
import type { Access } from '../../access/access.ts';
import { openAccess } from '../../access/live-access.ts';
import type { Lab } from '../../lab/lab.ts';
import { until } from '../../wait.ts';
import { exercise } from './exercises.ts';

const SEED_ROWS = 60;
const VERIFY_WITHIN_MS = 45_000;
const SNAPSHOT_WITHIN_MS = 60_000;

/** One row of the matrix: what is planted, and what the verifier said. */
export interface Outcome {
  readonly name: string;
  readonly report: Report;
}

/** A pipeline to set up, with or without a planted defect. */
interface Tried {
  readonly name: string;
  readonly seed: number;
  /** Left out: a healthy pipeline. */
  readonly expectation?: Expectation;
}

/** Plants a defect, exercises the pipeline and verifies it. */
export async function verdictOn(lab: Lab, tried: Tried): Promise<Report> {
  return await onPipeline(lab, tried, (one) => one(tried.seed));
}

/**
 * Runs rounds on one healthy pipeline, each with its own seed: a verifier that keeps running sees more than a fresh
 * one.
 * @param tell Gets each report as it comes.
 * @returns the last report.
 */
export async function cleanRounds(
  lab: Lab,
  seeds: readonly number[],
  tell: (seed: number, report: Report) => void,
): Promise<Report> {
  const [first = 0, ...more] = seeds;
  return await onPipeline(lab, { name: `clean-${first}`, seed: first }, async (one) => {
    let last = await one(first);
    tell(first, last);
    for (const seed of more) {
      last = await one(seed);
      tell(seed, last);
    }
    return last;
  });
}

async function onPipeline<T>(
  lab: Lab,
  { name, seed, expectation }: Tried,
  work: (one: (seed: number) => Promise<Report>) => Promise<T>,
): Promise<T> {
  const sink = expectation?.sink ?? { file: 'sink' };
  const instance = await lab.createInstance({
    name: `x-${name}`.slice(0, 30).replace(/-+$/, ''),
    source: { file: 'source' },
    sink: { file: sink.file, overrides: sink.overrides ?? {} },
    ...(expectation === undefined ? {} : { defects: { [expectation.role]: [name] } }),
    verifyEveryMs: null,
    seedRows: SEED_ROWS,
    seed,
  });
  try {
    await using access = await openAccess(instance);
    await snapshotted(access);
    return await work(async (own) => {
      await exercise({ instance, access, seed: own }, expectation?.exercises ?? EVERYTHING);
      const signal = AbortSignal.timeout(VERIFY_WITHIN_MS + 60_000);
      return await access.verify({ deadlineMs: VERIFY_WITHIN_MS, signal });
    });
  } finally {
    await instance[Symbol.asyncDispose]();
  }
}

/**
 * Waits for the end of the snapshot: rows written before might be read by it, and a defect of the stream would not
 * show.
 */
async function snapshotted(access: Access): Promise<void> {
  const isOver = async () =>
    (await access.connectorOffsets('capture')).some(({ offset }) => offset?.snapshot_completed === true);
  await until(isOver, { what: 'the initial snapshot to be over', withinMs: SNAPSHOT_WITHIN_MS });
}

/** Runs the jobs, two at a time. @returns a promise for each job. */
export function twoAtATime<T>(jobs: ReadonlyMap<string, () => Promise<T>>): ReadonlyMap<string, Promise<T>> {
  const lanes: Promise<unknown>[] = [Promise.resolve(), Promise.resolve()];
  const started = new Map<string, Promise<T>>();
  let lane = 0;
  for (const [name, job] of jobs) {
    const mine = (lanes[lane] ?? Promise.resolve()).then(job);
    started.set(name, mine);
    // The job's own promise carries the error; the lane continues.
    lanes[lane] = mine.catch(() => undefined);
    lane = 1 - lane;
  }
  return started;
}

/** The matrix as a page: one row per defect, from the verifier's reports. */
export async function matrixPage(outcomes: readonly Outcome[], clean: readonly Report[]): Promise<string> {
  const rows: string[] = [];
  for (const { name, report } of outcomes) {
    const wanted = EXPECTED[name];
    if (wanted === undefined) continue;
    const { description } = await loadDefect(name);
    const found = report.findings.find((f) => f.check === wanted.check && f.class === wanted.class);
    const others = report.findings.filter((f) => f.verdict === 'FAIL' && f.class !== wanted.class);
    const follows = [...new Set(others.map((f) => f.class))].join(', ');
    const where = found?.table == null ? '' : found.table.replace('public.', '');
    const columns = found?.first?.columns.join(', ') ?? '';
    const caught = found === undefined ? '**no**' : `${found.count}`;
    const cells = [name, wanted.role, description, wanted.check, wanted.class, found?.hop ?? '', where];
    rows.push(`| ${[...cells, columns, caught, follows].join(' | ')} |`);
  }
  const silent = clean.filter(({ verdict, findings }) => verdict === 'PASS' && findings.length === 0);
  return `${HEAD(outcomes.length, `${silent.length} of ${clean.length}`)}\n${rows.join('\n')}\n`;
}

const HEAD = (defects: number, silent: string): string => `# What the verifier catches

Generated by \`npm run matrix\`: do not edit. Each row is a separate pipeline with one planted defect
(\`fixtures/defects/\`), a short workload, and one verification. ${defects} defects; beside them ${silent} runs of the
healthy pipeline, each with its own seed, gave PASS and no finding. *Caught* counts the rows of the finding (in its
first table where several are concerned); *follows* names further classes that are consequences of the same defect.

| defect | in | what it does | check | class | hop | table | columns | caught | follows |
|---|---|---|---|---|---|---|---|---|---|`;
