/**
 * `harness/failures`: writes `docs/failures.md`, the catalogue as a page for somebody whose pipeline has just broken.
 * In: the scenario files; results of runs, as `run --all --json` prints them and `npm run nightly` keeps them.
 * Out: the page, and `seen.json`: what the runs printed, kept so that the page can be written without a lab.
 * Promises: what the page says of a scenario is in its file, or was printed by a run that came out as expected.
 */

import { readFileSync, writeFileSync } from 'node:fs';
import { loadScenarios } from '../plugins/catalogue.ts';
import { failuresPage, PAGE } from './page.ts';
import { keptResults, readSeen, SEEN, withRuns } from './seen.ts';

/** `npm run failures [-- RESULT.json…]` */
async function main(files: readonly string[]): Promise<void> {
  const scenarios = await loadScenarios();
  const results = [...keptResults(), ...files].map((file) => readFileSync(file, 'utf8'));
  const seen = withRuns(readSeen(), results, scenarios);
  writeFileSync(SEEN, `${JSON.stringify(seen, null, 2)}\n`);
  const { text, unseen } = await failuresPage(scenarios, seen);
  writeFileSync(PAGE, text);
  if (unseen.length > 0) process.stderr.write(`failures: without a run so far: ${unseen.join(', ')}\n`);
}

await main(process.argv.slice(2));
