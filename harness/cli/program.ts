import path from 'node:path';
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { type CliContext, EXIT } from './context.ts';
import { externalTargetOf, withExternalOptions } from './external-options.ts';

export interface ProgramIo {
  readonly stdout: NodeJS.WritableStream;
  readonly stderr: NodeJS.WritableStream;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdoutIsTty: boolean;
  readonly stderrIsTty: boolean;
  readonly signal: AbortSignal;
}

/** An action gets its context, its options and its arguments, does the work, and returns the exit code. */
type Action = (
  context: CliContext,
  options: Record<string, unknown>,
  args: readonly string[],
) => Promise<number>;

const EXAMPLES = `
Examples:
  cdc-lab up                              two PostgreSQL servers, Kafka, a pipeline, writes
  cdc-lab status                          is the sink equal to the source, and if not, where was it lost?
  cdc-lab trigger restart                 kill the capture where it hurts, start it again
  cdc-lab run --all                       the five lessons, on a sound and on a naive pipeline
  cdc-lab run restart --variant naive     one of them
  cdc-lab sql sink "SELECT count(*) FROM orders"
  cdc-lab down                            stop, keep the data; clean removes it

Exit codes: 0 as it should be · 1 FAIL, or not as expected · 2 INCONCLUSIVE · 3 SYNC_IN_PROGRESS ·
            64 usage · 69 something needed is missing or down · 70 internal error · 130 interrupted`;

function number(what: string, atLeast: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() === '' || !Number.isFinite(value) || value < atLeast) {
      throw new InvalidArgumentError(`${what} is a number from ${atLeast} on.`);
    }
    return value;
  };
}

function integer(what: string, atLeast: number): (text: string) => number {
  const parse = number(what, atLeast);
  return (text) => {
    const value = parse(text);
    if (!Number.isSafeInteger(value)) throw new InvalidArgumentError(`${what} is a whole number.`);
    return value;
  };
}

/** Commands that also work on a pipeline that somebody else runs. */
const EXTERNAL_TOO = new Set([
  ...['run', 'trigger', 'heal', 'down', 'clean', 'status', 'watch', 'lag', 'connectors'],
  ...['sql', 'topics', 'consume', 'verify', 'explain', 'config'],
]);

/** `30` or `30s`. */
function seconds(text: string): number {
  return number('an interval', 0.1)(text.replace(/s$/, ''));
}

const seedOption = (): Option =>
  new Option('--seed <n>', 'seed of everything random').argParser(integer('a seed', 0)).default(42);
const SOURCES = ['ts', 'debezium'];
const SINKS = ['ts', 'jdbc'];
const sourceOption = (): Option =>
  new Option('--source <engine>', 'what captures: this lab’s own, or Debezium on Kafka Connect').choices(
    SOURCES,
  );
const sinkOption = (): Option =>
  new Option('--sink <engine>', 'what applies: this lab’s own, or Debezium’s JDBC sink').choices(SINKS);
const RUNTIMES = ['process', 'docker'];
const runtimeOption = (runtimes: readonly string[] = RUNTIMES): Option =>
  new Option(
    '--runtime <name>',
    'what the services are: processes of this machine, containers, or yours',
  ).choices(runtimes);
const brokersOption = (): Option =>
  new Option('--brokers <n>', 'brokers of a new lab; of 3 one may be away').choices(['1', '3']);
const sinkWorkersOption = (): Option =>
  new Option('--sink-workers <n>', 'processes that share the sink’s consumer group').argParser(
    integer('a number of workers', 1),
  );
const instanceOption = (): Option =>
  new Option('--instance <name>', 'a kept pipeline of a run').default('lab');

const pipelineOption = (): Option =>
  new Option(
    '--pipeline <name>',
    'a pipeline that the lab did not write: one of fixtures/pipelines, or a file of your own',
  ).conflicts(['source', 'sink', 'variant', 'swap']);

/** Declares the commands. What they do is in `commands/`, loaded when one is called. */
export function declareProgram(io: ProgramIo, finish: (code: number) => void): Command {
  const program = new Command('cdc-lab');
  const add = (usage: string, description: string, load: () => Promise<Action>): Command => {
    const command = shared(program.command(usage)).description(description);
    return command.action(async (...all: unknown[]) => {
      const args = all
        .slice(0, -2)
        .flat()
        .filter((arg): arg is string => typeof arg === 'string');
      const context = contextOf(program, command, io);
      if (command.opts().printConfig === true) {
        return finish(await (await import('./commands/config.ts')).config(context, {}, []));
      }
      finish(await (await load())(context, command.opts(), args));
    });
  };
  shared(program)
    .description('Breaks change-data-capture pipelines on purpose, and says what was lost, and where.')
    .addHelpText('after', EXAMPLES)
    .showHelpAfterError('(cdc-lab --help lists commands and examples)')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => io.stdout.write(text),
      writeErr: (text) => io.stderr.write(text),
    });
  declareLab(add);
  declareRun(add);
  declareLook(add);
  declareVerify(add);
  declareExplain(add);
  declareConfig(add);
  for (const command of program.commands) {
    if (EXTERNAL_TOO.has(command.name())) withExternalOptions(command);
  }
  return program;
}

type Add = (usage: string, description: string, load: () => Promise<Action>) => Command;

function declareLab(add: Add): void {
  add('up', 'start the servers, a pipeline and writes; a no-op where all is well', async () => {
    const { up } = await import('./commands/lab.ts');
    return up;
  })
    .addOption(
      new Option('--rate <n>', 'transactions per second; 0: none').argParser(number('a rate', 0)).default(20),
    )
    .addOption(sourceOption())
    .addOption(sinkOption())
    .addOption(runtimeOption())
    .addOption(brokersOption())
    .addOption(sinkWorkersOption())
    .addOption(seedOption());
  add('down', 'stop everything; data and slot stay', async () => (await import('./commands/lab.ts')).down);
  add('clean', 'stop everything and remove the data', async () => (await import('./commands/lab.ts')).clean);
  add(
    'heal',
    'undo what a trigger or an interrupted run has left broken',
    async () => (await import('./commands/heal.ts')).heal,
  );
  add(
    'doctor',
    'is everything there that the lab needs?',
    async () => (await import('./commands/doctor.ts')).doctor,
  );
}

function declareRun(add: Add): void {
  add(
    'run [scenarios...]',
    'put scenarios to the test, each on a pipeline of its own',
    async () => (await import('./commands/run.ts')).run,
  )
    .option('--all', 'every scenario')
    .addOption(new Option('--variant <name>', 'only this pipeline').choices(['sound', 'naive']))
    .addOption(runtimeOption([...RUNTIMES, 'external']))
    .addOption(brokersOption())
    .addOption(sinkWorkersOption().conflicts('pipeline'))
    .addOption(sourceOption().default('ts'))
    .addOption(sinkOption().default('ts'))
    .addOption(pipelineOption())
    .addOption(new Option('--rows <n>', 'historical rows of a backfill').argParser(integer('a row count', 1)))
    .addOption(
      new Option('--seconds <n>', 'hold a pause for so long at least').argParser(number('a time', 0)),
    )
    .addOption(seedOption())
    .addOption(
      new Option('--repeat <n>', 'rounds; each has the next seed').argParser(integer('rounds', 1)).default(1),
    )
    .option('--junit <file>', 'write JUnit XML there')
    .option('--github-summary', 'append a table to $GITHUB_STEP_SUMMARY')
    .option('--keep', 'keep the pipeline of a run that did not end in PASS, or not as expected')
    .addOption(new Option('--no-op', 'leave out every injection: all must be INCONCLUSIVE').hideHelp())
    .addOption(new Option('--swap', 'swap sound and naive pipelines: all must be red').hideHelp());
  add(
    'trigger <lesson>',
    'break the running pipeline: restart, lag, schema, duplicate or backfill',
    async () => (await import('./commands/trigger.ts')).trigger,
  )
    .addOption(new Option('--rows <n>', 'historical rows of a backfill').argParser(integer('a row count', 1)))
    .addOption(
      new Option('--seconds <n>', 'hold a pause for so long at least').argParser(number('a time', 0)),
    )
    .addOption(seedOption());
  add(
    'scenarios',
    'what can be run, and what to learn from it',
    async () => (await import('./commands/scenarios.ts')).scenarios,
  );
}

function declareLook(add: Add): void {
  add('status', 'verify now; exits by verdict', async () => (await import('./commands/status.ts')).status)
    .option('--strict', 'WARN exits with 1')
    .addOption(
      new Option('--deadline <seconds>', 'wait so long for the pipeline to catch up')
        .argParser(number('a deadline', 0))
        .default(5),
    )
    .addOption(instanceOption());
  add('watch', 'status, again and again', async () => (await import('./commands/watch.ts')).watch)
    .addOption(
      new Option('--interval <seconds>', 'between two looks')
        .argParser(number('an interval', 0.2))
        .default(2),
    )
    .addOption(new Option('--count <n>', 'end after so many').argParser(integer('a count', 1)))
    .addOption(instanceOption());
  add(
    'lag',
    'how far the sink and the slot are behind',
    async () => (await import('./commands/lag.ts')).lag,
  ).addOption(instanceOption());
  add(
    'connectors',
    'state of connectors and tasks, as Kafka Connect prints it',
    async () => (await import('./commands/connectors.ts')).connectors,
  ).addOption(instanceOption());
  add(
    'logs [service]',
    'last lines of a service; without a name, the services',
    async () => (await import('./commands/logs.ts')).logs,
  )
    .addOption(new Option('-n, --lines <n>', 'so many').argParser(integer('a count', 1)).default(50))
    .option('-f, --follow', 'go on with what is written');
  add(
    'sql <side> [statement]',
    'ask the source or the sink; without a statement, a prompt',
    async () => (await import('./commands/sql.ts')).sql,
  ).addOption(instanceOption());
  add('topics', 'topics of the lab', async () => (await import('./commands/topics.ts')).topics).option(
    '--all',
    'internal ones too',
  );
  add('consume <topic>', 'print records', async () => (await import('./commands/consume.ts')).consume)
    .option('--from-beginning', 'not only the newest')
    .addOption(new Option('--max <n>', 'end after so many').argParser(integer('a count', 1)).default(10))
    .option('--follow', 'go on with what comes');
}

function declareVerify(add: Add): void {
  const collect = (value: string, before: readonly string[] = []): readonly string[] => [...before, value];
  add(
    'verify',
    'compare any two PostgreSQL databases; no lab is needed',
    async () => (await import('./commands/verify.ts')).verify,
  )
    .option('--source <url>', 'postgres://user@host:port/database (or: CDC_LAB_SOURCE_URL)')
    .option('--sink <url>', 'its copy (or: CDC_LAB_SINK_URL)')
    .option('--tables <names>', 'only these, as schema.table of the source', collect)
    .option('--exclude-tables <names>', 'not these', collect)
    .option('--map <source=sink>', 'a table, or a column of one, that has another name in the sink', collect)
    .option('--soft-delete <column>', 'the sink marks rows as deleted there instead of deleting them')
    .addOption(
      new Option('--fence <kind>', 'slot: exact under writes; quiesce: two equal reads; none: one read')
        .choices(['slot', 'quiesce', 'none'])
        .default('slot'),
    )
    .option('--progress-slot <name>', "the pipeline's replication slot on the source")
    .option('--subscription <name>', "the sink's subscription, where that is the pipeline")
    .addOption(
      new Option('--deadline <seconds>', 'wait so long for the pipeline to catch up')
        .argParser(number('a deadline', 0.1))
        .default(60),
    )
    .addOption(
      new Option(
        '--snapshot-bound <seconds>',
        'no snapshot lives longer; larger tables are compared in parts',
      )
        .argParser(number('a bound', 0.5))
        .default(60),
    )
    .option('--once', 'verify once (as without --every)')
    .addOption(
      new Option('--every <seconds>', 'again and again, until Ctrl-C').argParser(seconds).conflicts('once'),
    )
    .addOption(new Option('--count <n>', 'end after so many').argParser(integer('a count', 1)))
    .option('--version-column <name>', 'grows with each update of a row', 'version')
    .addOption(
      new Option('--repair <file>', 'write the SQL that would mend the sink; it is never run').conflicts([
        'every',
        'softDelete',
      ]),
    )
    .addOption(
      new Option(
        '--republish <file>',
        "write signals for Debezium's signal table that would have the wrong rows published anew",
      ).conflicts('every'),
    )
    .option('--password-stdin', "read the source's password from stdin, and the sink's from its second line")
    .option('--strict', 'WARN exits with 1');
}

function declareExplain(add: Add): void {
  add(
    'explain <table> <key>',
    "one row's life: commits, records, what the sink made of them, and where it was lost",
    async () => (await import('./commands/explain.ts')).explainRow,
  )
    .addOption(
      new Option('--max <n>', 'commits and records to tell of: the last ones')
        .argParser(integer('a count', 1))
        .default(100),
    )
    .option('--values', "show the row's values too")
    .addOption(
      new Option('--deadline <seconds>', 'wait so long for the pipeline to catch up')
        .argParser(number('a deadline', 0))
        .default(5),
    )
    .addOption(instanceOption());
}

function declareConfig(add: Add): void {
  add(
    'config [action]',
    'of a pipeline that you run yourself: print (default), check, mark, unmark, tables, schema',
    async () => (await import('./commands/config.ts')).config,
  );
}

/** Options that stand before or after the command's name. */
function shared(command: Command): Command {
  return command
    .option('--dir <folder>', 'where the lab keeps its state (default: .lab, or $CDC_LAB_DIR)')
    .option('--json', 'data as JSON')
    .option('--debug', 'stack traces')
    .option('--no-color', 'no colours (also: NO_COLOR)');
}

function contextOf(program: Command, command: Command, io: ProgramIo): CliContext {
  const before = program.opts();
  const after = command.opts();
  const external =
    externalTargetOf(after) ?? (command.name() === 'config' ? { config: null, own: null } : null);
  const wanted = before.color !== false && after.color !== false && !io.env.NO_COLOR;
  return {
    dir: path.resolve(after.dir ?? before.dir ?? io.env.CDC_LAB_DIR ?? (external ? '.lab-external' : '.lab')),
    external,
    json: Boolean(after.json ?? before.json),
    color: wanted && io.stdoutIsTty,
    live: wanted && io.stderrIsTty,
    stdout: io.stdout,
    stderr: io.stderr,
    signal: io.signal,
  };
}

/** Exit code of what commander threw, after it has said so itself. */
export function codeOfCommanderError(error: unknown): number | undefined {
  if (!(error instanceof CommanderError)) return undefined;
  return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
}
