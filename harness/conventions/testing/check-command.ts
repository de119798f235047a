import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import type { Command as CommanderCommand } from 'commander';
import { declareProgram } from '../../cli/program.ts';
import {
  CONNECTOR_ACTIONS,
  DEAD_LETTER_ACTIONS,
  OFFSETS_ACTIONS,
  REPAIR_ACTIONS,
  SLOT_ACTIONS,
  TOPICS_ACTIONS,
} from '../../cli/recover/actions.ts';
import { PROJECT_DIR } from '../../project.ts';
import { type Command, isPlaceholder } from '../commands.ts';
import { tutorialBlocks } from './tutorial.ts';

const makefile = readFileSync(join(PROJECT_DIR, 'Makefile'), 'utf8');
const packageJson = JSON.parse(readFileSync(join(PROJECT_DIR, 'package.json'), 'utf8')) as {
  scripts: Record<string, string>;
};
const kebabNames = (folder: string): string[] =>
  readdirSync(join(PROJECT_DIR, folder)).map((name) => name.replace(/\.ts$/, ''));
/** What the reader of CONTRIBUTING.md has written before a command needs it. */
const written = tutorialBlocks().map(({ file }) => file);
const SCENARIOS = [
  ...kebabNames('scenarios').flatMap((kind) => kebabNames(`scenarios/${kind}`)),
  ...written.flatMap((file) => /^scenarios\/[^/]+\/(.+)\.ts$/.exec(file)?.[1] ?? []),
];
/** Short names of `trigger`, which the Makefile uses too. */
const TRIGGERS = [...SCENARIOS, 'schema', 'duplicate'];
const CONFIG_ACTIONS = ['print', 'check', 'mark', 'unmark', 'tables', 'schema'];

/** Commands whose first argument is an action. */
const FIRST: Readonly<Record<string, readonly string[]>> = {
  connectors: CONNECTOR_ACTIONS,
  'dead-letters': DEAD_LETTER_ACTIONS,
  offsets: OFFSETS_ACTIONS,
  repair: REPAIR_ACTIONS,
  slot: SLOT_ACTIONS,
  topics: TOPICS_ACTIONS,
};

/** What is wrong with a command, as a sentence; undefined if it names only what exists. */
export function wrongWith({ words, isNamed }: Omit<Command, 'at'>): string | undefined {
  const [program, ...args] = words;
  const missing = args.find(isMissingPath);
  if (missing !== undefined) return `${missing} does not exist`;
  if (program === 'make') return wrongTarget(args);
  if (program === 'npm') return wrongScript(args);
  if (program === 'vitest') return wrongProject(args);
  if (program !== 'cdc-lab') return undefined;
  const why = wrongArguments(args);
  const isLeftOut = isNamed && args.length === 1 && why?.startsWith('error: missing required argument');
  return isLeftOut ? undefined : why;
}

/** A path within the project; a path that begins elsewhere is the reader's own. */
function isMissingPath(word: string): boolean {
  const inProject = /^(?:harness|docs|docker|fixtures|bench|scenarios|pipeline|verifier|bin)(?:\/[\w.-]+)+$/;
  return inProject.test(word) && !written.includes(word) && !existsSync(join(PROJECT_DIR, word));
}

function wrongTarget(args: readonly string[]): string | undefined {
  for (const word of args) {
    const variable = /^(\w+)=/.exec(word)?.[1];
    const known =
      variable === undefined ? new RegExp(`^${word}:`, 'm') : new RegExp(`^${variable} \\?=`, 'm');
    if (!isPlaceholder(word) && !known.test(makefile)) return `the Makefile has no ${word}`;
  }
  return undefined;
}

function wrongScript(args: readonly string[]): string | undefined {
  const [verb, script = '', dashes, name] = args;
  if (verb === 'test') return undefined;
  if (verb !== 'run') return `npm ${verb} is not used here`;
  if (packageJson.scripts[script] === undefined) return `package.json has no script ${script}`;
  if (script !== 'bench' || dashes !== '--' || name === undefined || isPlaceholder(name)) return undefined;
  return kebabNames('bench').includes(name) ? undefined : `there is no bench ${name}`;
}

function wrongProject(args: readonly string[]): string | undefined {
  const project = args[args.indexOf('--project') + 1] ?? '';
  const known = readFileSync(join(PROJECT_DIR, 'vitest.config.ts'), 'utf8').includes(`name: '${project}'`);
  return known ? undefined : `Vitest has no project ${project}`;
}

/** Parses the arguments with the real declaration of the command line; nothing is executed. */
function wrongArguments(args: readonly string[]): string | undefined {
  let said = '';
  const stderr = new PassThrough().on('data', (chunk) => {
    said += chunk;
  });
  const stdout = new PassThrough().resume();
  const io = { env: {}, stdoutIsTty: false, stderrIsTty: false, signal: new AbortController().signal };
  const program = declareProgram({ ...io, stdout, stderr }, () => undefined);
  let called: { name: string; args: readonly string[] } | undefined;
  for (const command of program.commands) {
    command.action(function (this: CommanderCommand) {
      called = { name: this.name(), args: this.args };
    });
  }
  // `…` leaves out options; `N` is any number.
  const given = args.filter((word) => word !== '…').map((word) => (word === 'N' ? '1' : word));
  try {
    program.parse(given, { from: 'user' });
  } catch (error) {
    if ((error as { exitCode?: number }).exitCode === 0) return undefined;
    return `${error instanceof Error ? error.message : error}`;
  }
  return called === undefined ? `no command: ${said}` : wrongName(called);
}

function wrongName({ name, args }: { name: string; args: readonly string[] }): string | undefined {
  const known = { run: SCENARIOS, trigger: TRIGGERS, config: CONFIG_ACTIONS }[name];
  const unknown = known && args.find((word) => !known.includes(word) && !isPlaceholder(word));
  const [action = ''] = args;
  const wrong =
    unknown ?? (FIRST[name]?.includes(action) === false && !isPlaceholder(action) ? action : undefined);
  return wrong ? `${name} knows no ${wrong}` : undefined;
}

/** The arguments of `cdc-lab` that a target of the Makefile passes on: `trigger-restart` is `trigger restart`. */
export function argumentsOf(target: string): string[] {
  const recipe = new RegExp(`^${target}:.*\\n\\t@\\$\\(LAB\\) (.*) \\$\\(ARGS\\)$`, 'm').exec(makefile)?.[1];
  if (recipe === undefined) throw new Error(`make ${target} is no command of cdc-lab`);
  return recipe.split(' ');
}
