import type { Command } from 'commander';
import { didYouMean } from '../../../pipeline/contract/nearest.ts';
import { UsageError } from '../../errors.ts';
import { candidatesFor } from '../completion/candidates.ts';
import { SHELLS, type Shell, scriptOf, wholeWords } from '../completion/scripts.ts';
import { type CliContext, EXIT } from '../context.ts';
import { loadLabControl } from '../lab-control.ts';

/** Prints the script that a shell sources. */
export async function completion(
  context: CliContext,
  _: unknown,
  [name = '']: readonly string[],
): Promise<number> {
  context.stdout.write(scriptOf(shellNamed(name)));
  return EXIT.ok;
}

function shellNamed(name: string): Shell {
  const shell = SHELLS.find((one) => one === name);
  if (shell !== undefined) return shell;
  throw new UsageError(
    `there is no completion for "${name}".${didYouMean(name, SHELLS)}`,
    `use ${SHELLS.join(', ')}`,
  );
}

/** What the scripts call: one candidate a line, with what it means behind a tab; `:files` or `:folders` alone. */
export async function completeWords(
  context: CliContext,
  program: Command,
  [name = '', ...given]: readonly string[],
): Promise<number> {
  const { words, dropped } = wholeWords(shellNamed(name), given);
  const candidates = await candidatesFor(program, words, (what) => namesOf(context, what));
  if (typeof candidates === 'string') context.stdout.write(`:${candidates}\n`);
  else {
    for (const { word, means } of candidates) {
      const shown = word.startsWith(dropped) ? word.slice(dropped.length) : word;
      context.stdout.write(`${shown}\t${means.split('\n', 1)[0]}\n`);
    }
  }
  return EXIT.ok;
}

/** Ids of scenarios, and of cases where there are several. */
async function scenarioNames(): Promise<readonly string[]> {
  const { loadScenarios, scenarioIds } = await import('../../plugins/catalogue.ts');
  return [...new Set([...(await scenarioIds()), ...(await loadScenarios()).map(({ id }) => id)])];
}

/** Names that are found on disk. A lab that cannot be opened has none to offer. */
async function namesOf(context: CliContext, what: string): Promise<readonly string[]> {
  switch (what) {
    case 'scenarios':
      return await scenarioNames();
    case 'kind':
      return await (await import('../../plugins/catalogue.ts')).scenarioKinds();
    case 'lesson': {
      const { loadScenarios } = await import('../../plugins/catalogue.ts');
      return (await loadScenarios()).map(({ id, trigger }) => trigger ?? id);
    }
    case 'pipeline':
      return await (await import('../../../fixtures/pipelines/load.ts')).pipelineNames();
    case 'service':
      return await servicesIn(context).catch(() => []);
    default:
      return [];
  }
}

async function servicesIn(context: CliContext): Promise<readonly string[]> {
  const lab = await (await loadLabControl(context)).open(context.dir);
  const services = await lab?.runtime.services();
  return (services ?? []).map(({ name }) => name.replace(/@lab$/, ''));
}
