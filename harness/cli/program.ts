/**
 * `harness/cli`: the command line, `cdc-lab`: its commands, their options, and what is printed.
 * In: the arguments of a shell, and the folder of a lab's state.
 * Out: text or JSON on stdout, progress on stderr, an exit code.
 * Promises: an option is declared once, in `options.ts`, with its type; a command's code is loaded when it is called;
 * the exit code is set in one place, `main.ts`.
 */

import path from 'node:path';
import { Command, CommanderError } from 'commander';
import type { ExternalTarget } from '../lab/external/external-control.ts';
import { wantsColor, widthOf } from '../terminal/stream.ts';
import { SHELLS } from './completion/scripts.ts';
import { type CliContext, EXIT } from './context.ts';
import type { Argument, Declare } from './declare.ts';
import { declareRecover, RECOVER_ARGUMENTS } from './declare-recover.ts';
import { exampleLines, helpAfter } from './help-texts.ts';
import * as options from './option-table.ts';
import { declareFlags, valuesOf } from './parse-options.ts';
import { versionText } from './version.ts';

export interface ProgramIo {
  readonly stdout: NodeJS.WritableStream;
  readonly stderr: NodeJS.WritableStream;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdoutIsTty: boolean;
  readonly stderrIsTty: boolean;
  readonly signal: AbortSignal;
  /** As `CliContext.ask`. */
  readonly ask?: NonNullable<CliContext['ask']>;
}

const EXAMPLES = [
  '',
  'Examples:',
  ...exampleLines([
    ['cdc-lab up', 'two PostgreSQL, Kafka, a pipeline, writes'],
    ['cdc-lab status', 'does the sink equal the source? who lost what?'],
    ['cdc-lab trigger restart', 'kill the capture where it hurts, start it again'],
    ['cdc-lab run --lessons', 'the five lessons, on sound and naive pipelines'],
    ['cdc-lab run restart --keep', 'one of them, and keep what went wrong'],
    ['cdc-lab sql sink "SELECT 1"', 'look into a database'],
    ['cdc-lab down', 'stop, keep the data; clean removes it'],
  ]),
  '',
  'Exit codes: 0 as it should be · 1 FAIL, or not as expected · 2 INCONCLUSIVE ·',
  '  3 SYNC_IN_PROGRESS · 64 usage · 69 something needed is missing or down ·',
  '  70 internal error · 130 interrupted. `cdc-lab COMMAND --help` has more.',
].join('\n');

/** What the arguments of commands are, by their names; `COMMAND NAME` where it is another in one command. */
const ARGUMENTS: Readonly<Record<string, Argument>> = {
  ...RECOVER_ARGUMENTS,
  scenarios: { help: 'names, as `cdc-lab scenarios` lists them' },
  lesson: { help: 'what to break: the name of a scenario, or its short one' },
  service: { help: 'its name; that of `up` needs no @lab' },
  side: { help: 'the database', choices: ['source', 'sink'] },
  statement: { help: 'SQL' },
  topic: { help: 'its name, with or without the prefix: orders, lab.public.orders' },
  table: { help: 'its name at the source, quoted as in SQL where it needs quotes' },
  key: { help: 'the value of its primary key, or column=value, separated by commas' },
  action: { help: 'what to do', choices: ['print', 'check', 'mark', 'unmark', 'tables', 'schema'] },
  shell: { help: 'for which shell', choices: SHELLS },
};

/**
 * Declares the commands. What they do is in `commands/`, loaded when one is called.
 * @param finish Called with the exit code of the command.
 * @param begin Called before the command does anything.
 */
export function declareProgram(
  io: ProgramIo,
  finish: (code: number) => void,
  begin: (context: CliContext) => void = () => undefined,
): Command {
  const program = new Command('cdc-lab');
  const declare: Declare = (usage, help, flags, load) => {
    const command = program.command(usage).description(help);
    declareFlags(command, { ...flags, ...options.SHARED });
    for (const argument of command.registeredArguments) {
      const { help: means = '', choices } =
        ARGUMENTS[`${command.name()} ${argument.name()}`] ?? ARGUMENTS[argument.name()] ?? {};
      argument.description = means;
      if (choices !== undefined) argument.argChoices = [...choices];
    }
    command.addHelpText('after', helpAfter(command.name()));
    command.action(async (...all: unknown[]) => {
      const args = all
        .slice(0, -2)
        .flat()
        .filter((arg): arg is string => typeof arg === 'string');
      const context = contextOf(program, command, io);
      begin(context);
      if (valuesOf(command, options.EXTERNAL).printConfig) {
        const { printConfig } = await import('./commands/config.ts');
        return finish(await printConfig(context));
      }
      finish(await (await load())(context, valuesOf(command, flags), args));
    });
  };
  declareFlags(program, options.SHARED);
  declareVersion(program, io);
  program
    .description('Breaks change-data-capture pipelines on purpose, and says what was lost, and where.')
    .addHelpText('after', EXAMPLES)
    .showHelpAfterError('(cdc-lab --help lists commands and examples)')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => io.stdout.write(text),
      writeErr: (text) => io.stderr.write(text),
    });
  program.commandsGroup('Start and stop:');
  declareLab(declare);
  program.commandsGroup('Break:');
  declareRun(declare);
  program.commandsGroup('Look:');
  declareLook(declare);
  program.commandsGroup('Verify:');
  declareVerify(declare);
  program.commandsGroup('Recover:');
  declareRecover(declare);
  program.commandsGroup('Help:');
  program.helpCommand('help [command]', 'print the help of a command');
  declareCompletion(declare, program, io, finish);
  return program;
}

/** Read when it is asked for: git takes its time. */
function declareVersion(program: Command, io: ProgramIo): void {
  program.option('-V, --version', 'print the version, the commit and that of Node.js');
  program.on('option:version', () => {
    io.stdout.write(`${versionText()}\n`);
    throw new CommanderError(EXIT.ok, 'commander.version', 'version');
  });
}

function declareCompletion(
  declare: Declare,
  program: Command,
  io: ProgramIo,
  finish: (code: number) => void,
): void {
  declare(
    'completion <shell>',
    'print the script that completes commands, options and names in a shell',
    {},
    async () => (await import('./commands/completion.ts')).completion,
  );
  const words = program.command('complete-words <shell> [words...]', { hidden: true });
  declareFlags(words, options.SHARED);
  words.action(async (shell: string, given: readonly string[]) => {
    const { completeWords } = await import('./commands/completion.ts');
    finish(await completeWords(contextOf(program, words, io), program, [shell, ...given]));
  });
}

function declareLab(declare: Declare): void {
  declare(
    'up',
    'start the servers, a pipeline and a writer; repair those that have stopped',
    options.UP,
    async () => (await import('./commands/lab.ts')).up,
  );
  declare(
    'down',
    'stop everything; keep data and slot',
    options.EXTERNAL,
    async () => (await import('./commands/lab.ts')).down,
  );
  declare(
    'clean',
    'stop everything; remove the data',
    options.CLEAN,
    async () => (await import('./commands/lab.ts')).clean,
  );
  declare(
    'heal',
    'undo what a trigger or an interrupted run has left broken',
    options.EXTERNAL,
    async () => (await import('./commands/heal.ts')).heal,
  );
  declare(
    'env',
    'print where the pipeline can be reached: databases, Kafka, REST, verifier',
    options.ENV,
    async () => (await import('./commands/env.ts')).env,
  );
  declare(
    'doctor',
    'check that this machine has everything that the lab needs',
    {},
    async () => (await import('./commands/doctor.ts')).doctor,
  );
}

function declareRun(declare: Declare): void {
  declare(
    'run [scenarios...]',
    'run scenarios, each on a pipeline made for it, and compare the verdicts with the expected ones',
    options.RUN,
    async () => (await import('./commands/run.ts')).run,
  );
  declare(
    'trigger <lesson>',
    'break the running pipeline: restart, lag, schema, duplicate, backfill, or any other scenario',
    options.TRIGGER,
    async () => (await import('./commands/trigger.ts')).trigger,
  );
  declare(
    'scenarios',
    'list the scenarios, and what each of them teaches',
    options.SCENARIOS,
    async () => (await import('./commands/scenarios.ts')).scenarios,
  );
}

function declareLook(declare: Declare): void {
  declare(
    'status',
    'verify now; the exit code reflects the verdict',
    options.STATUS,
    async () => (await import('./commands/status.ts')).status,
  );
  declare(
    'watch',
    'verify again and again, until Ctrl-C',
    options.WATCH,
    async () => (await import('./commands/watch.ts')).watch,
  );
  declare(
    'lag',
    'show how far the sink and the slot are behind',
    options.LOOK,
    async () => (await import('./commands/lag.ts')).lag,
  );
  declare(
    'logs [service]',
    'print the last lines of a service’s log; without a name, list the services',
    options.LOGS,
    async () => (await import('./commands/logs.ts')).logs,
  );
  declare(
    'sql <side> [statement]',
    'query the source or the sink; without a statement, open a prompt',
    options.LOOK,
    async () => (await import('./commands/sql.ts')).sql,
  );
  declare(
    'topics [action] [topic] [settings...]',
    'list the topics of the lab; change settings of one',
    options.TOPICS,
    async () => (await import('./commands/topics.ts')).topics,
  );
  declare(
    'consume <topic>',
    'print records of a topic',
    options.CONSUME,
    async () => (await import('./commands/consume.ts')).consume,
  );
}

function declareVerify(declare: Declare): void {
  declare(
    'verify',
    'compare any two PostgreSQL databases; no lab is needed',
    options.VERIFY,
    async () => (await import('./commands/verify.ts')).verify,
  );
  declare(
    'explain <table> <key>',
    'show one row’s life: its commits, its records, what the sink did with them, and where it was lost',
    options.EXPLAIN,
    async () => (await import('./commands/explain.ts')).explainRow,
  );
  declare(
    'config [action]',
    'describe a pipeline that you run yourself: print (default), check, mark, unmark, tables, schema',
    options.EXTERNAL,
    async () => (await import('./commands/config.ts')).config,
  );
}

function contextOf(program: Command, command: Command, io: ProgramIo): CliContext {
  const before = valuesOf(program, options.SHARED);
  const after = valuesOf(command, options.SHARED);
  const external =
    options.externalTargetOf(valuesOf(command, options.EXTERNAL)) ??
    (command.name() === 'config' ? { config: null, own: null } : null);
  const isAllowed = before.color && after.color;
  const dir = after.dir ?? before.dir;
  const { instance } = command.opts<{ instance?: string }>();
  return {
    dir: path.resolve(dir ?? io.env.CDC_LAB_DIR ?? (external ? '.lab-external' : '.lab')),
    external,
    target: [
      ...(dir === undefined ? [] : ['--dir', dir]),
      ...optionsOfTarget(external),
      ...(instance === undefined || instance === 'lab' ? [] : ['--instance', instance]),
    ],
    json: after.json || before.json,
    color: wantsColor(isAllowed, io.env, io.stdoutIsTty),
    errorColor: wantsColor(isAllowed, io.env, io.stderrIsTty),
    width: widthOf(io.stdout),
    live: io.stderrIsTty && io.env.TERM !== 'dumb',
    stdout: io.stdout,
    stderr: io.stderr,
    signal: io.signal,
    ...(io.ask === undefined ? {} : { ask: io.ask }),
  };
}

function optionsOfTarget(external: ExternalTarget | null): string[] {
  if (external === null) return [];
  return external.config === null ? ['--runtime', 'external'] : ['--config', external.config];
}

/** Exit code of what commander threw, after it has said so itself. */
export function codeOfCommanderError(error: unknown): number | undefined {
  if (!(error instanceof CommanderError)) return undefined;
  return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
}
