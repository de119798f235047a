import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { LabError, messageOf } from '../contract/errors.ts';
import { DEFAULT_HEALTH_BOUNDS } from '../contract/health.ts';
import { mistakeIn } from '../contract/mistake.ts';
import { ConnectorStore } from './connector-store.ts';
import { LOG_LEVELS, type LogLevel } from './log.ts';

/** The configuration file that `--config` names. Unknown keys are refused. */
export type WorkerFile = z.infer<typeof workerFile>;

const keys = {
  /** `worker_id` in every status. */
  workerId: z.string().min(1),
  /** Address to listen on. `0.0.0.0` is for containers: the engine publishes the port on the host's loopback. */
  host: z.enum(['127.0.0.1', 'localhost', '0.0.0.0']),
  /** Host names that requests may use besides the loopback address: lower case, without a port. */
  names: z.array(z.string().regex(/^[a-z0-9.-]+$/)).default([]),
  /** Port to listen on. 0: any free port; the log says which. */
  port: z.int().min(0).max(65_535),
  /** Kafka brokers to connect to first, each `HOST:PORT`. */
  bootstrapServers: z.array(z.string().regex(/^[^\s:]+:\d+$|^\[[^\]]+\]:\d+$/, 'must be HOST:PORT')).min(1),
  /** Folder of `connectors.json`, which holds configurations and target states. */
  stateDir: z.string().min(1),
  /** Compacted topic with the positions of source connectors. */
  offsetsTopic: z.string().min(1).default('connect-offsets'),
  /**
   * Which task of each sink connector this process runs, and how many processes run one each. They share the
   * connector's consumer group, and Kafka assigns each its partitions.
   */
  tasks: z
    .strictObject({ id: z.int().min(0), of: z.int().min(1) })
    .refine(({ id, of }) => id < of, { path: ['id'], message: 'must be less than `of`' })
    .default({ id: 0, of: 1 }),
  /** Milliseconds that a task may take to stop. After that it is FAILED. */
  stopDeadlineMs: z.int().positive().default(10_000),
  /** Bounds beyond which `/health` reports a task as degraded. */
  health: z
    .strictObject({
      lagEvents: z.int().positive().default(DEFAULT_HEALTH_BOUNDS.lagEvents),
      lagMs: z.int().positive().default(DEFAULT_HEALTH_BOUNDS.lagMs),
      stalledAfterMs: z.int().positive().default(DEFAULT_HEALTH_BOUNDS.stalledAfterMs),
    })
    .prefault({}),
};

const workerFile = z.strictObject(keys).refine(({ host, names }) => host !== '0.0.0.0' || names.length > 0, {
  path: ['host'],
  message: '0.0.0.0 needs `names`: the host names by which requests reach the worker',
});

/** The worker's options that come from the file. The server takes the others: `host`, `port` and `names`. */
export function workerSettings(file: WorkerFile) {
  const { workerId, bootstrapServers, offsetsTopic, tasks, stopDeadlineMs, health: healthBounds } = file;
  const store = new ConnectorStore(join(file.stateDir, 'connectors.json'));
  return { workerId, bootstrapServers, offsetsTopic, tasks, stopDeadlineMs, healthBounds, store };
}

/** The command line, with the file that it names. */
export interface WorkerArguments {
  readonly file: WorkerFile;
  /** Names of planted defects. */
  readonly defects: readonly string[];
  readonly crashPoints: boolean;
  readonly logLevel: LogLevel;
}

const USAGE = 'main.ts --config FILE [--defect NAME]… [--crash-points] [--log-level debug|info|warn|error]';

/**
 * Reads the command line and the file that it names.
 * @throws LabError CDC-3001 if a flag, the file or a value is wrong.
 */
export async function readArguments(argv: readonly string[]): Promise<WorkerArguments> {
  const values = parseFlags(argv);
  if (values.config === undefined) throw usage('--config FILE is missing.');
  const logLevel = LOG_LEVELS.find((level) => level === values['log-level']);
  if (logLevel === undefined) throw usage(`--log-level takes ${LOG_LEVELS.join(', ')}.`);
  return {
    file: await readFileOf(values.config),
    defects: values.defect,
    crashPoints: values['crash-points'],
    logLevel,
  };
}

function parseFlags(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      options: {
        config: { type: 'string' },
        defect: { type: 'string', multiple: true, default: [] },
        'crash-points': { type: 'boolean', default: false },
        'log-level': { type: 'string', default: 'info' },
      },
    }).values;
  } catch (error) {
    throw usage(messageOf(error));
  }
}

async function readFileOf(path: string): Promise<WorkerFile> {
  let json: unknown;
  try {
    json = JSON.parse(await readFile(path, 'utf8'));
  } catch (cause) {
    throw new LabError('CDC-3001', `The worker's file ${path} cannot be read as JSON.`, {
      remedy: `Usage: ${USAGE}.`,
      cause,
    });
  }
  const parsed = workerFile.safeParse(json);
  if (parsed.success) return parsed.data;
  const mistake = mistakeIn(parsed.error, { schema: workerFile, value: json, whole: 'the file' });
  throw new LabError('CDC-3001', `The worker's file ${path} is not valid: ${mistake}`, {
    remedy: 'Correct the file.',
  });
}

function usage(message: string): LabError {
  return new LabError('CDC-3001', message, { remedy: `Usage: ${USAGE}.` });
}
