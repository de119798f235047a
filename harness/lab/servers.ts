import { join } from 'node:path';
import { prepareKafka } from '../runtimes/process/kafka.ts';
import { freePorts } from '../runtimes/process/ports.ts';
import { preparePostgres } from '../runtimes/process/postgres.ts';
import type { ProcessRuntime } from '../runtimes/process/process-runtime.ts';
import type { Run } from '../runtimes/process/run-file.ts';
import type { ServiceSpec } from '../runtimes/process/service-spec.ts';

/** Names of the services that every instance shares. */
export const SERVERS = ['pg-source', 'pg-sink', 'kafka'] as const;

export async function choosePorts(): Promise<Run['ports']> {
  const [
    pgSource = 0,
    pgSink = 0,
    kafkaClient = 0,
    kafkaLink = 0,
    kafkaLinkAdvertised = 0,
    kafkaController = 0,
  ] = await freePorts(6);
  return { pgSource, pgSink, kafkaClient, kafkaLink, kafkaLinkAdvertised, kafkaController };
}

export interface StartServersOptions {
  readonly stateDir: string;
  readonly password: string;
  readonly ports: Run['ports'];
  readonly runtime: ProcessRuntime;
  readonly progress: (step: string) => void;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Starts those servers that do not run, all at once. The first that fails is the error; the others come to
 * their end first, so that nothing is started behind its back.
 */
export async function startServers(options: StartServersOptions): Promise<void> {
  const running = new Map((await options.runtime.services()).map((service) => [service.name, service.state]));
  const start = async (name: string, prepare: () => Promise<ServiceSpec>): Promise<void> => {
    const state = running.get(name);
    if (state === 'running') return;
    if (state === 'paused') {
      await options.runtime.resume(name);
      options.progress(`${name} goes on`);
      return;
    }
    const started = await options.runtime.launch(await prepare(), options.signal);
    options.progress(
      `${name} answers after ${String(started.evidence.readyMs)} ms: ${started.evidence.firstAnswer}`,
    );
  };
  const { stateDir, password, ports } = options;
  const place = (name: string) => ({
    name,
    stateDir,
    dataDir: join(stateDir, 'data', name),
    log: join(stateDir, 'logs', `${name}.log`),
  });
  const outcomes = await Promise.allSettled([
    start('pg-source', () => preparePostgres({ ...place('pg-source'), port: ports.pgSource, password })),
    start('pg-sink', () => preparePostgres({ ...place('pg-sink'), port: ports.pgSink, password })),
    start('kafka', () =>
      prepareKafka({
        ...place('kafka'),
        ports: {
          client: ports.kafkaClient,
          link: ports.kafkaLink,
          linkAdvertised: ports.kafkaLinkAdvertised,
          controller: ports.kafkaController,
        },
      }),
    ),
  ]);
  const failure = outcomes.find((outcome) => outcome.status === 'rejected');
  if (failure !== undefined) throw failure.reason;
}
