/** What `--help` of a command adds to its options. */
export interface HelpText {
  /** Commands to type, each with what it does. */
  readonly examples: readonly (readonly [command: string, does: string])[];
  /** The exit codes that are special to it. */
  readonly exits: readonly (readonly [code: number, means: string])[];
}

const OK = [0, 'done'] as const;
const VERDICT = [
  [0, 'PASS or WARN (WARN: 1 with --strict)'],
  [1, 'FAIL'],
  [2, 'INCONCLUSIVE: evidence is missing'],
  [3, 'SYNC_IN_PROGRESS: the pipeline is still catching up'],
] as const;
/** What every command may exit with. */
const ALWAYS = [
  [64, 'the command line or a configuration is wrong'],
  [69, 'something needed is missing or down'],
  [70, 'internal error; --debug shows where'],
  [130, 'interrupted'],
] as const;

/** By the command's name. */
export const HELP_TEXTS: Readonly<Record<string, HelpText>> = {
  up: {
    examples: [
      ['cdc-lab up', '20 transactions/s'],
      ['cdc-lab up --rate 200', 'more writes'],
      ['cdc-lab up --source debezium --sink jdbc', 'Debezium and its JDBC sink'],
      ['cdc-lab up --brokers 3 --sink-workers 2', 'a cluster'],
    ],
    exits: [[0, 'everything runs']],
  },
  down: { examples: [['cdc-lab down', 'stop; `cdc-lab up` goes on where it was']], exits: [OK] },
  clean: { examples: [['cdc-lab clean', 'stop, and remove the folder .lab']], exits: [OK] },
  heal: {
    examples: [['cdc-lab heal', 'after Ctrl-C or SIGKILL of a run or a trigger']],
    exits: [[0, 'healed, or nothing to heal']],
  },
  doctor: {
    examples: [['cdc-lab doctor', 'what is missing here, and how to get it']],
    exits: [
      [0, 'ready'],
      [69, 'something is missing'],
    ],
  },
  env: {
    examples: [
      ['cdc-lab env', 'the addresses that `up` printed'],
      ['cdc-lab env --show-password', 'with the password of the databases'],
      ['cdc-lab env --json | jq -r .source', 'one of them, for a script'],
    ],
    exits: [OK],
  },
  run: {
    examples: [
      ['cdc-lab run --lessons', 'the lessons, on sound and naive pipelines'],
      ['cdc-lab run restart --variant naive', 'one of them'],
      ['cdc-lab run --kind rows', 'those of a folder of scenarios/'],
      ['cdc-lab run lag --keep', 'keep the pipeline, to look into it'],
      ['cdc-lab run --all --junit results.xml', 'for CI'],
      ['cdc-lab run --lessons --pipeline native-replication', 'on a pipeline of others'],
    ],
    exits: [
      [0, 'every verdict is the expected one (FAIL, on a naive pipeline)'],
      [1, 'a verdict is not the expected one'],
      [2, 'a verdict is INCONCLUSIVE, and none is wrong'],
    ],
  },
  trigger: {
    examples: [
      ['cdc-lab trigger restart', 'kill the capture where it hurts'],
      ['cdc-lab trigger lag --seconds 60', 'pause the sink for a minute'],
      ['cdc-lab trigger backfill --rows 50000', 'five times as much history'],
    ],
    exits: [[0, 'broken, proven and healed; the verdict is for `cdc-lab status`']],
  },
  scenarios: {
    examples: [
      ['cdc-lab scenarios --kind rows', 'those of a folder of scenarios/'],
      ['cdc-lab scenarios --json', 'for a program'],
    ],
    exits: [OK],
  },
  status: {
    examples: [
      ['cdc-lab status', 'the verdict, and what is wrong'],
      ['cdc-lab status --verbose', 'all tables, all checks'],
      ['cdc-lab status --deadline 60', 'wait longer if the pipeline is behind'],
      ['cdc-lab status --json | jq .verdict', 'for a script'],
    ],
    exits: VERDICT,
  },
  watch: {
    examples: [
      ['cdc-lab watch', 'every two seconds, until Ctrl-C'],
      ['cdc-lab watch --interval 10 --verbose', 'less often, with all checks'],
    ],
    exits: [[0, 'ended by Ctrl-C or --count']],
  },
  lag: { examples: [['cdc-lab lag', 'partition by partition']], exits: [OK] },
  connectors: {
    examples: [
      ['cdc-lab connectors', 'with the trace of a task that has failed'],
      ['cdc-lab connectors restart sink', 'connector and tasks'],
      ['cdc-lab connectors set sink insert.mode=upsert --dry-run', 'what would change'],
      ['cdc-lab connectors config sink', 'its configuration, secrets masked'],
    ],
    exits: [
      [0, 'all are RUNNING; or the action is done'],
      [1, 'a connector or a task is not RUNNING'],
    ],
  },
  snapshot: {
    examples: [
      ['cdc-lab snapshot customers orders', 'two tables, in chunks beside the stream'],
      ['cdc-lab snapshot customers --where "version > 1"', 'some rows of one table'],
      ['cdc-lab snapshot customers --sweep --dry-run', 'how many rows are too many in the sink'],
      ['cdc-lab snapshot customers --dry-run', 'the signal, to insert it by hand'],
    ],
    exits: [[0, 'Kafka has the rows again; the verdict is for `cdc-lab status`']],
  },
  dedupe: {
    examples: [
      ['cdc-lab dedupe orders --dry-run', 'how many rows it would delete, and the SQL'],
      ['cdc-lab dedupe orders --add-key --yes', 'and let no key be there twice'],
    ],
    exits: [OK],
  },
  offsets: {
    examples: [
      ['cdc-lab offsets show', 'the sink’s table beside its consumer group'],
      ['cdc-lab offsets reset --to earliest --dry-run', 'what would be applied again'],
      ['cdc-lab offsets reset --to 120 --topic orders --partition 0', 'one partition'],
    ],
    exits: [OK],
  },
  slot: {
    examples: [
      ['cdc-lab slot list', 'who reads them, and how much WAL they retain'],
      ['cdc-lab slot drop old_slot --dry-run', 'what would be lost'],
      ['cdc-lab slot recreate --yes', 'a new slot, and a new snapshot'],
    ],
    exits: [OK],
  },
  'dead-letters': {
    examples: [
      ['cdc-lab dead-letters list', 'where each came from, and its error'],
      ['cdc-lab dead-letters show 0@12', 'key and value of one'],
      ['cdc-lab dead-letters replay', 'once what stopped them is mended'],
      ['cdc-lab dead-letters discard --dry-run', 'what would be lost'],
    ],
    exits: [OK],
  },
  upgrade: {
    examples: [['cdc-lab upgrade --instance lag-naive-1f', 'a pipeline that a run has kept']],
    exits: [[0, 'no worker has a planted defect any longer']],
  },
  repair: {
    examples: [
      ['cdc-lab repair apply mend.sql --dry-run', 'the statements, none of them run'],
      ['cdc-lab repair apply mend.sql', 'all of it, or nothing'],
      ['cdc-lab repair rows --dry-run', 'compare, and print what would be changed'],
    ],
    exits: [
      [0, 'every statement found its row'],
      [64, 'one did not, or the file is wrong: nothing was committed'],
    ],
  },
  logs: {
    examples: [
      ['cdc-lab logs', 'which services there are'],
      ['cdc-lab logs capture -n 200', 'the last 200 lines of the capture’s worker'],
      ['cdc-lab logs sink --follow', 'until Ctrl-C'],
    ],
    exits: [OK],
  },
  sql: {
    examples: [
      ['cdc-lab sql sink "SELECT count(*) FROM orders"', 'one statement'],
      ['cdc-lab sql source', 'a prompt: psql, if it is installed'],
    ],
    exits: [OK, [1, 'the statement failed']],
  },
  topics: {
    examples: [
      ['cdc-lab topics --all', 'with Kafka’s own'],
      ['cdc-lab topics set documents max.message.bytes=8000000', 'take larger records'],
    ],
    exits: [OK],
  },
  consume: {
    examples: [
      ['cdc-lab consume orders', 'the newest ten records of lab.public.orders'],
      ['cdc-lab consume orders --from-beginning --max 3', 'the oldest three'],
    ],
    exits: [OK],
  },
  verify: {
    examples: [
      ['cdc-lab verify --source URL --sink URL --progress-slot cdc', 'exact, under writes'],
      ['cdc-lab verify --source URL --sink URL --fence quiesce', 'nobody writes meanwhile'],
      ['cdc-lab verify --source URL --sink URL --fence none --repair mend.sql', 'and how to mend it'],
    ],
    exits: VERDICT,
  },
  explain: {
    examples: [
      ['cdc-lab explain orders 27e1041f-8bf1-4f18-6430-cc4c5cfa24f8', 'by its key'],
      ['cdc-lab explain public.lines order_id=7,line=2', 'a key of two columns'],
      ['cdc-lab explain orders id=7 --values', 'with the values of its columns'],
    ],
    exits: VERDICT.map(([code, means]) => [code, code === 0 ? 'the row is right' : means] as const),
  },
  config: {
    examples: [
      ['cdc-lab config check', 'does everything answer that the file names?'],
      ['cdc-lab config schema > schema.json', 'for the editor'],
      ['cdc-lab config mark --i-own-this-target shop', 'allow the lab to break it'],
    ],
    exits: [OK],
  },
  completion: {
    examples: [
      ['eval "$(cdc-lab completion bash)"', 'in ~/.bashrc'],
      ['eval "$(cdc-lab completion zsh)"', 'in ~/.zshrc, after compinit'],
      ['cdc-lab completion fish | source', 'in ~/.config/fish/config.fish'],
    ],
    exits: [OK],
  },
};

const WIDTH = 80;

/** Examples and exit codes, as they are printed below the options: in lines of at most 80 characters. */
export function helpAfter(name: string): string {
  const { examples, exits } = HELP_TEXTS[name] ?? { examples: [], exits: [] };
  const special = exits.map(([code]) => code);
  const codes = [...exits, ...ALWAYS.filter(([code]) => !special.includes(code))];
  return [
    '',
    'Examples:',
    ...exampleLines(examples),
    '',
    'Exit codes:',
    ...codes.map(([code, means]) => `  ${String(code).padEnd(3)}  ${means}`),
  ].join('\n');
}

/** Each command with what it does: beside it, or above it if the line would be too long. */
export function exampleLines(examples: HelpText['examples']): string[] {
  const column = Math.max(...examples.map(([command]) => command.length));
  const isBeside = examples.every(([, does]) => 2 + column + 3 + does.length <= WIDTH);
  return examples.flatMap(([command, does]) =>
    isBeside ? [`  ${command.padEnd(column)}   ${does}`] : [`  # ${does}`, `  ${command}`],
  );
}
