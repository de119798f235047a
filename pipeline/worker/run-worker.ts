import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import type { ConnectorPlugin } from '../contract/connector.ts';
import { LabError } from '../contract/errors.ts';
import { boundBufferGarbage } from './buffer-garbage.ts';
import { ClusterId } from './cluster-id.ts';
import { ControlledCrashPoints, NO_CRASH_POINTS } from './crash-points.ts';
import { createLogger } from './log.ts';
import { WorkerMetrics } from './metrics.ts';
import { readArguments, workerSettings } from './options.ts';
import { loadDefects } from './planted-defects.ts';
import { Secrets } from './secrets.ts';
import { createServer } from './server.ts';
import { Worker } from './worker.ts';

const EXIT = { usage: 64, unavailable: 69, internal: 70 } as const;
const DEFECTS = new URL('../../fixtures/defects/', import.meta.url);
/** After SIGTERM the process exits within this time, even if a client keeps its connection open. */
const CLOSE_DEADLINE_MS = 15_000;

/**
 * Runs a worker process from its command line until a signal ends it.
 * @param plugins The connector classes that it hosts.
 */
export async function runWorker(plugins: readonly ConnectorPlugin[]): Promise<void> {
  try {
    await start(plugins);
  } catch (error) {
    const expected = error instanceof LabError;
    process.stderr.write(
      expected
        ? `${error.code}: ${error.message} ${error.remedy}\n`
        : `${error instanceof Error ? error.stack : error}\n`,
    );
    const usage = expected && ['CDC-3001', 'CDC-3006'].includes(error.code);
    process.exit(usage ? EXIT.usage : expected ? EXIT.unavailable : EXIT.internal);
  }
}

async function start(plugins: readonly ConnectorPlugin[]): Promise<void> {
  const {
    file,
    defects: defectNames,
    crashPoints: withCrashPoints,
    logLevel,
  } = await readArguments(process.argv.slice(2));
  const secrets = new Secrets(process.env);
  const redact = (text: string) => secrets.redact(text);
  const write = (line: string) => process.stdout.write(`${line}\n`);
  const logOf = (fields: Readonly<Record<string, unknown>>) =>
    createLogger({ level: logLevel, redact, write }, { worker: file.workerId, ...fields });
  const log = logOf({});
  const fatal = (error: unknown) => {
    log.error('the worker has failed', { error });
    process.exit(EXIT.internal);
  };
  process.on('uncaughtException', fatal);
  process.on('unhandledRejection', fatal);
  boundBufferGarbage();

  const defects = await loadDefects(defectNames, DEFECTS);
  for (const { name, description } of defects) log.warn('planted defect', { defect: name, description });
  const crashPoints = withCrashPoints ? new ControlledCrashPoints() : null;
  const worker = new Worker({
    ...workerSettings(file),
    plugins,
    secrets,
    metrics: new WorkerMetrics(),
    crashPoints: crashPoints ?? NO_CRASH_POINTS,
    defects,
    logOf,
  });
  const clusterId = new ClusterId(file.bootstrapServers, log);
  let port = file.port;
  const app = createServer({
    worker,
    crashPoints,
    version: await packageVersion(),
    commit: process.env.CDC_LAB_COMMIT ?? 'unknown',
    clusterId: () => clusterId.value,
    redact,
    log,
    port: () => port,
    names: file.names,
  });
  const startStored = await worker.open();
  const url = new URL(await listen(app, file));
  port = Number(url.port);
  // After the server listens, so that a worker that gets no port has started no connector.
  startStored();

  const stop = async (signal: string) => {
    log.info('worker is stopping', { signal });
    setTimeout(() => fatal(new Error('The worker did not stop in time.')), CLOSE_DEADLINE_MS).unref();
    await worker.close();
    await Promise.all([app.close(), clusterId.close()]);
    log.info('worker has stopped');
    process.exit(0);
  };
  let stopping: Promise<void> | undefined;
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      stopping ??= stop(signal);
      stopping.catch(fatal);
    });
  }
  // Last, so that a signal after this line is always handled.
  log.info('worker is ready', { url: url.origin });
}

async function listen(
  app: ReturnType<typeof createServer>,
  { host, port }: { host: string; port: number },
): Promise<string> {
  try {
    return await app.listen({ host, port });
  } catch (cause) {
    throw new LabError('CDC-3007', `The worker cannot listen on ${host}:${port}.`, {
      remedy: 'Choose a free port, or stop the process that listens there.',
      cause,
    });
  }
}

async function packageVersion(): Promise<string> {
  const text = await readFile(new URL('../../package.json', import.meta.url), 'utf8');
  return z.object({ version: z.string() }).parse(JSON.parse(text)).version;
}
