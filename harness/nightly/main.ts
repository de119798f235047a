/**
 * `harness/nightly`: everything that is too long for CI, in stages: `npm run nightly [-- STAGE…]`.
 * In: the names of stages, by default all; what an interrupted run at the same commit has left.
 * Out: `reports/nightly/COMMIT/`: a log and a result for each stage; a summary; exit code 1 if a stage failed.
 * Promises: a stage that succeeded is not run again, a stage that was interrupted goes on where it can, and one that this
 * machine cannot run is named with the reason.
 */

import { createWriteStream, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';
import { execa } from 'execa';
import { didYouMean } from '../../pipeline/contract/nearest.ts';
import { PROJECT_DIR } from '../project.ts';
import { STAGES, type Stage } from './stages.ts';
import { type StageResult, stageResultSchema, summaryOf, testsIn } from './summary.ts';

const ENOUGH_TO_TELL_APART = 12;

async function main(names: readonly string[]): Promise<number> {
  const known = STAGES.map(({ name }) => name);
  const unknown = names.find((name) => !known.includes(name));
  if (unknown !== undefined) {
    const nearest = didYouMean(unknown, known);
    process.stderr.write(`nightly: there is no stage "${unknown}".${nearest} Known: ${known.join(', ')}\n`);
    return 64;
  }
  const dir = await folderOf();
  const results: StageResult[] = [];
  for (const stage of STAGES.filter(({ name }) => names.length === 0 || names.includes(name))) {
    const done = earlier(dir, stage);
    results.push(done ?? (await run(stage, dir)));
  }
  process.stdout.write(summaryOf(results, dir));
  return results.some(({ outcome }) => outcome === 'failed') ? 1 : 0;
}

/** A folder for the commit. Results of a tree with changes count for nothing later: that folder is emptied first. */
async function folderOf(): Promise<string> {
  const git = async (...args: string[]) => (await execa('git', args, { cwd: PROJECT_DIR })).stdout.trim();
  const commit = (await git('rev-parse', 'HEAD')).slice(0, ENOUGH_TO_TELL_APART);
  // The stages write pages, which are not changes of what is tested.
  const isChanged = (await git('status', '--porcelain', '--', '.', ':!docs')) !== '';
  const dir = join(PROJECT_DIR, 'reports/nightly', isChanged ? `${commit}-changed` : commit);
  if (isChanged) rmSync(dir, { recursive: true, force: true });
  mkdirSync(dir, { recursive: true });
  return dir;
}

/** The result of an earlier run; undefined if the stage is to be run. */
function earlier(dir: string, { name, always }: Stage): StageResult | undefined {
  if (always === true) return undefined;
  const file = join(dir, `${name}.json`);
  if (!existsSync(file)) return undefined;
  const result = stageResultSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
  return result.outcome === 'passed' ? result : undefined;
}

async function run(stage: Stage, dir: string): Promise<StageResult> {
  const { name, command, env = {}, lacks } = stage;
  const reason = lacks?.() ?? null;
  if (reason !== null) return { name, outcome: 'not run', seconds: 0, passed: null, failures: [], reason };
  const counts = join(dir, `${name}-tests`);
  rmSync(counts, { recursive: true, force: true });
  process.stderr.write(`nightly: ${name} …\n`);
  const start = performance.now();
  const log = createWriteStream(join(dir, `${name}.log`));
  const [file = '', ...args] = command;
  const own = { CDC_LAB_KEPT: dir, CDC_LAB_TEST_RESULTS: counts, ...env };
  const child = execa(file, args, { cwd: PROJECT_DIR, env: own, reject: false, all: true, buffer: false });
  child.all.pipe(log);
  const { exitCode, signal } = await child;
  await finished(log);
  const tests = testsIn(counts);
  const result: StageResult = {
    name,
    outcome: exitCode === 0 ? 'passed' : 'failed',
    seconds: Math.round((performance.now() - start) / 1000),
    ...tests,
    reason: exitCode === 0 ? null : `${signal ?? `exit code ${exitCode}`}, see ${name}.log`,
  };
  writeFileSync(join(dir, `${name}.json`), `${JSON.stringify(result, null, 2)}\n`);
  return result;
}

process.exitCode = await main(process.argv.slice(2));
