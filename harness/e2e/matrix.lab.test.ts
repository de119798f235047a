import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { EXPECTED, type Expectation } from '../../fixtures/defects/expected.ts';
import { type Report, reportSchema } from '../../verifier/report.ts';
import { PROJECT_DIR } from '../project.ts';
import { type DrillLab, startDrillLab } from './testing/drill.ts';
import { cleanRounds, matrixPage, twoAtATime, verdictOn } from './testing/matrix.ts';

/** One defect of each kind. Set `CDC_LAB_DEFECTS` to `all`, `third:N` (every third one, from N) or to names for others. */
const SAMPLE = [
  'capture-ignores-deletes',
  'capture-truncates-late',
  'drops-column-default',
  'drops-last-of-transaction',
  'flips-a-bit',
  'inverts-updates',
  'older-write-wins',
  'replays-after-delete',
  'sends-twice',
  'skips-overwritten-updates',
  'stamps-own-positions',
  'swallows-apply-errors',
  'truncates-late',
  'writes-toast-placeholder',
];
const wanted = process.env.CDC_LAB_DEFECTS ?? SAMPLE.join();
const names = namesOf(wanted);
const cleanRuns = Number(process.env.CDC_LAB_CLEAN_RUNS ?? 20);
const seeds = Array.from({ length: cleanRuns }, (_, i) => 101 + i);
/** Number of seeds that one pipeline runs, one after another. */
const ROUNDS = Number(process.env.CDC_LAB_CLEAN_ROUNDS ?? 1);

function namesOf(choice: string): readonly string[] {
  const all = Object.keys(EXPECTED).sort();
  if (choice === 'all') return all;
  const third = /^third:(\d+)$/.exec(choice)?.[1];
  if (third === undefined) return choice.split(',').filter((name) => name !== '');
  return all.filter((_, i) => i % 3 === Number(third) % 3);
}

const ONE_MS = 180_000;
const TIMEOUT_MS = ONE_MS * (names.length + seeds.length);
const CONTENT: readonly string[] = ['missing', 'extra', 'stale', 'corrupted', 'duplicate'];

let lab: DrillLab;
let runs: ReadonlyMap<string, Promise<Report>> = new Map();
const clean = new Map(seeds.map((seed) => [seed, Promise.withResolvers<Report>()]));
/** Reports of this run and of earlier runs of some of the names. A run of all removes earlier ones. */
const KEPT = join(PROJECT_DIR, 'reports/matrix');

beforeAll(async () => {
  if (wanted === 'all') rmSync(KEPT, { recursive: true, force: true });
  mkdirSync(KEPT, { recursive: true });
  lab = await startDrillLab();
  const jobs = new Map<string, () => Promise<Report>>();
  for (let i = 0; i < seeds.length; i += ROUNDS) {
    const own = seeds.slice(i, i + ROUNDS);
    jobs.set(`rounds-${i}`, () =>
      cleanRounds(lab.lab, own, (seed, report) => clean.get(seed)?.resolve(report)),
    );
  }
  for (const name of names) {
    const expectation = EXPECTED[name];
    jobs.set(name, () => verdictOn(lab.lab, { name, seed: 7, ...(expectation && { expectation }) }));
  }
  runs = twoAtATime(jobs);
  for (const [i, seed] of seeds.entries()) {
    const round = runs.get(`rounds-${i - (i % ROUNDS)}`);
    // If a pipeline fails, so do its remaining rounds.
    round?.catch((error: unknown) => clean.get(seed)?.reject(error));
    clean.get(seed)?.promise.catch(() => undefined);
  }
  for (const run of runs.values()) run.catch(() => undefined);
}, ONE_MS);

afterAll(async () => {
  await Promise.allSettled(runs.values());
  await lab?.[Symbol.asyncDispose]();
  if (process.env.UPDATE_DOCS !== '1') return;
  const kept = readdirSync(KEPT).map((file) => file.replace(/\.json$/, ''));
  const all = Object.keys(EXPECTED).sort();
  if (!all.every((name) => kept.includes(name))) return;
  const healthy = kept.filter((name) => name.startsWith('clean-')).map(readKept);
  const page = await matrixPage(
    all.map((name) => ({ name, report: readKept(name) })),
    healthy,
  );
  writeFileSync(join(PROJECT_DIR, 'docs/verifier-matrix.md'), page);
}, TIMEOUT_MS);

async function reportOf(name: string, run: Promise<Report> | undefined): Promise<Report> {
  const report = await run;
  if (report === undefined) throw new Error(`${name} was not run`);
  writeFileSync(join(KEPT, `${name}.json`), JSON.stringify(report));
  return report;
}

function readKept(name: string): Report {
  return reportSchema.parse(JSON.parse(readFileSync(join(KEPT, `${name}.json`), 'utf8')));
}

describe.runIf(seeds.length > 0)('the healthy pipeline gives no finding', () => {
  test.each(seeds)(
    'with seed %i',
    async (seed) => {
      const { verdict, findings, coverage } = await reportOf(`clean-${seed}`, clean.get(seed)?.promise);
      expect({ verdict, findings, coverage }).toEqual({ verdict: 'PASS', findings: [], coverage: 1 });
    },
    TIMEOUT_MS,
  );
});

describe.runIf(names.length > 0)(
  'the intended check catches, with the intended class and hop and for no wrong reason, the defect',
  () => {
    test.each(names)(
      '%s',
      async (name) => {
        const expectation = EXPECTED[name];
        if (expectation === undefined) throw new Error(`nothing is expected of ${name}`);
        const report = await reportOf(name, runs.get(name));
        const failed = report.findings.filter(({ verdict }) => verdict === 'FAIL');
        const told = failed.map((f) => `${f.check}: ${f.detail}`);
        expect(report.verdict, told.join('\n')).toBe('FAIL');
        const found = failed.filter((finding) => isExpected(finding, expectation));
        expect(found.length, `not as expected: ${told.join('\n')}`).toBeGreaterThan(0);
        expect(report.checks.find(({ check }) => check === expectation.check)?.verdict).toBe('FAIL');
        const reasons = new Set<string>([expectation.class, ...(expectation.follows ?? [])]);
        const wrong = failed.filter(
          (finding) =>
            !reasons.has(finding.class) ||
            (CONTENT.includes(finding.class) && finding.hop !== expectation.hop),
        );
        expect(wrong).toEqual([]);
      },
      TIMEOUT_MS,
    );
  },
);

function isExpected(finding: Report['findings'][number], expectation: Expectation): boolean {
  const { check, table, column, hop } = expectation;
  return (
    finding.check === check &&
    finding.class === expectation.class &&
    finding.hop === hop &&
    (table === undefined || finding.table === table) &&
    (column === undefined || finding.first?.columns.includes(column) === true)
  );
}
