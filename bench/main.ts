/**
 * `bench`: measurements, one file for each; this file runs them.
 * In: `npm run bench -- NAME…`.
 * Out: a table of figures beside their targets, and `bench/results/NAME.json`.
 * Promises: each figure is a median of its samples unless it says otherwise, with the samples beside it;
 * `BENCH_SMALL=1` writes no result, because its figures mean nothing.
 */

import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { cpus, release, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import chalk from 'chalk';
import Table from 'cli-table3';
import { type Bench, type Figure, meets } from './lib/bench.ts';

const here = import.meta.dirname;
/** The only file of this folder that is not a bench. */
const MAIN = 'main.ts';

async function names(): Promise<string[]> {
  const files = await readdir(here);
  return files
    .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts') && file !== MAIN)
    .map((file) => file.slice(0, -3))
    .sort();
}

function print(name: string, bench: Bench, figures: readonly Figure[]): void {
  const table = new Table({ head: ['figure', 'value', 'target', ''], style: { head: [], border: [] } });
  for (const figure of figures) {
    const verdict = meets(figure);
    const bound = figure.target;
    table.push([
      figure.what,
      `${figure.value.toLocaleString('en', { maximumFractionDigits: 2 })} ${figure.unit}`,
      bound === null
        ? ''
        : 'atMost' in bound
          ? `≤ ${bound.atMost.toLocaleString('en')}`
          : `≥ ${bound.atLeast.toLocaleString('en')}`,
      verdict === null ? '' : verdict ? chalk.green('met') : chalk.red('missed'),
    ]);
  }
  process.stdout.write(`\n${chalk.bold(name)}  ${bench.title}\n${table.toString()}\n`);
}

async function runOne(name: string): Promise<void> {
  const { default: bench } = (await import(`./${name}.ts`)) as { default: Bench };
  const workDir = await mkdtemp(join(tmpdir(), `cdc-lab-bench-${name}-`));
  try {
    const figures = await bench.run({
      workDir,
      progress: (line) => process.stderr.write(`${chalk.dim(line)}\n`),
    });
    print(name, bench, figures);
    // A small run only shows that the bench works.
    if (process.env.BENCH_SMALL !== undefined) return;
    await mkdir(join(here, 'results'), { recursive: true });
    const machine = {
      cpus: cpus().length,
      model: cpus()[0]?.model,
      memoryBytes: totalmem(),
      kernel: release(),
    };
    const result = {
      schemaVersion: 1,
      bench: name,
      at: new Date().toISOString(),
      node: process.version,
      machine,
      figures,
    };
    await writeFile(join(here, 'results', `${name}.json`), `${JSON.stringify(result, null, 2)}\n`);
  } finally {
    await rm(workDir, { recursive: true, force: true });
  }
}

const known = await names();
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { help: { type: 'boolean', short: 'h' } },
});
const unknown = positionals.filter((name) => !known.includes(name));
if (values.help === true || positionals.length === 0) {
  process.stdout.write(`npm run bench -- NAME…\n\nBenches: ${known.join(', ')}\n`);
} else if (unknown.length > 0) {
  process.stderr.write(`There is no bench ${unknown.join(', ')}. Known benches: ${known.join(', ')}\n`);
  process.exitCode = 64;
} else {
  for (const name of positionals) await runOne(name);
}
