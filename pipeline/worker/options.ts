import { readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { DEFAULT_HEALTH_BOUNDS } from '../contract/connector.ts';
import { LabError, messageOf } from '../contract/errors.ts';
import { LOG_LEVELS, type LogLevel } from './log.ts';

/** The file that `--config` names. */
export type WorkerFile = z.infer<typeof workerFile>;

const keys = {
  /** As `worker_id` in every status. */
  workerId: z.string().min(1),
  /** `0.0.0.0` only inside a container, whose port its engine publishes on the host's loopback. */
  host: z.enum(['127.0.0.1', 'localhost', '0.0.0.0']),
  /** Host names that requests may carry beside its own loopback address, in lower case and without a port. */
  names: z.array(z.string().regex(/^[a-z0-9.-]+$/)).default([]),
  /** 0: any free port; the log says which. */
  port: z.int().min(0).max(65_535),
  bootstrapServers: z.array(z.string().regex(/^[^\s:]+:\d+$|^\[[^\]]+\]:\d+$/, 'must be HOST:PORT')).min(1),
  /** Where the connectors' configurations are kept. */
  stateDir: z.string().min(1),
  /** Compacted topic with the positions of source connectors. */
  offsetsTopic: z.string().min(1).default('connect-offsets'),
  /**
   * Which task of each sink connector this process runs, and how many processes there are that run one each. They
   * share the connector's consumer group, and Kafka gives each its partitions.
   */
  tasks: z
    .strictObject({ id: z.int().min(0), of: z.int().min(1) })
    .refine(({ id, of }) => id < of, { path: ['id'], message: 'must be less than `of`' })
    .default({ id: 0, of: 1 }),
  /** How long a task may take to stop. */
  stopDeadlineMs: z.int().positive().default(10_000),
  /** From where on `/health` calls a task degraded. */
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
  message: 'on all addresses the worker listens only where `names` says by which names it is asked',
});

export interface WorkerArguments {
  readonly file: WorkerFile;
  readonly defects: readonly string[];
  readonly crashPoints: boolean;
  readonly logLevel: LogLevel;
}

const USAGE = 'main.ts --config FILE [--defect NAME]… [--crash-points] [--log-level debug|info|warn|error]';

/** @throws LabError CDC-3001 for a flag, a file or a value in it that is wrong. */
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
      remedy: `It is called as ${USAGE}.`,
      cause,
    });
  }
  const parsed = workerFile.safeParse(json);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map(
    ({ path: at, message }) => `${at.map(String).join('.')}: ${message}`,
  );
  throw new LabError('CDC-3001', `The worker's file ${path} is not valid: ${problems.join('; ')}`, {
    remedy: 'Correct the file.',
  });
}

function usage(message: string): LabError {
  return new LabError('CDC-3001', message, { remedy: `It is called as ${USAGE}.` });
}
