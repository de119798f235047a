import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import chalk from 'chalk';
import Table from 'cli-table3';
import { PROJECT_DIR } from '../project.ts';
import { LISTED } from './differences.ts';
import { type Judged, judge, unlisted, withMeasured } from './report.ts';
import { runParity } from './run.ts';
import { withServers } from './servers.ts';
import { VARIANTS } from './variants.ts';

const PAGE = join(PROJECT_DIR, 'docs/parity.md');
const MOST_PRINTED = 50;

/** `npm run parity [-- NUMBER…]`: runs all variants and updates the page, or runs some and only prints the result. */
async function main(numbers: readonly string[]): Promise<void> {
  const chosen = numbers.length === 0 ? VARIANTS : VARIANTS.filter((_, i) => numbers.includes(String(i + 1)));
  const progress = (line: string) => process.stderr.write(`${chalk.dim(line)}\n`);
  const outcomes = await withServers(progress, (servers) => runParity(servers, progress, chosen));
  const judged = judge(outcomes, LISTED);
  print(judged);
  if (numbers.length === 0) await writeFile(PAGE, withMeasured(await readFile(PAGE, 'utf8'), judged));
  if (unlisted(judged).length > 0) process.exitCode = 1;
}

function print(judged: Judged): void {
  const table = new Table({
    head: ['variant', 'records', 'listed', 'not listed'],
    style: { head: [], border: [] },
  });
  for (const row of judged.rows) table.push([row.variant, row.records, row.listed, row.unexplained.length]);
  process.stdout.write(`${table.toString()}\n`);
  for (const { entry, seen } of judged.listed)
    process.stdout.write(`${String(seen).padStart(6)}  ${entry.what}\n`);
  const lines = unlisted(judged);
  for (const line of lines.slice(0, MOST_PRINTED)) process.stdout.write(`${chalk.red('✗')} ${line}\n`);
  const more = lines.length - MOST_PRINTED;
  if (more > 0) process.stdout.write(`… and ${more} more\n`);
}

await main(process.argv.slice(2));
