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

/** A pipeline of its own, and what a workload and a verification on it need. */
interface Tried {
  readonly name: string;
  readonly seed: number;
  /** Left out: a healthy pipeline. */
  readonly expectation?: Expectation;
}

/** Plants a defect, exercises the pipeline and has it verified. */
export async function verdictOn(lab: Lab, tried: Tried): Promise<Report> {
  return await onPipeline(lab, tried, (one) => one(tried.seed));
}

/**
 * Rounds of a healthy pipeline, each with a seed of its own, one after another on one instance: a verifier that goes
 * on sees more than one that begins anew. `tell` gets each report as it comes; the last is returned.
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

/** Until then what is written may still go into the snapshot, and a defect of the stream would not show. */
async function snapshotted(access: Access): Promise<void> {
  const isOver = async () =>
    (await access.connectorOffsets('capture')).some(({ offset }) => offset?.snapshot_completed === true);
  await until(isOver, { what: 'the initial snapshot to be over', withinMs: SNAPSHOT_WITHIN_MS });
}

/** Runs the jobs, two at a time; each promise settles with its own. */
export function twoAtATime<T>(jobs: ReadonlyMap<string, () => Promise<T>>): ReadonlyMap<string, Promise<T>> {
  const lanes: Promise<unknown>[] = [Promise.resolve(), Promise.resolve()];
  const started = new Map<string, Promise<T>>();
  let lane = 0;
  for (const [name, job] of jobs) {
    const mine = (lanes[lane] ?? Promise.resolve()).then(job);
    started.set(name, mine);
    // Whoever asks for it gets the error; the lane goes on.
    lanes[lane] = mine.catch(() => undefined);
    lane = 1 - lane;
  }
  return started;
}

/** The matrix as a page: one row a defect, drawn from what the verifier said. */
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

Generated by \`npm run matrix\`: do not edit. Each row is a pipeline of its own with one planted defect
(\`fixtures/defects/\`), a short workload, and one verification. ${defects} defects; beside them ${silent} runs of the
healthy pipeline, each with a seed of its own, gave PASS and no finding. *Caught* counts the rows of the finding (in its
first table where several are concerned); *follows* names further classes that are consequences of the same defect.

| defect | in | what it does | check | class | hop | table | columns | caught | follows |
|---|---|---|---|---|---|---|---|---|---|`;
