import { join } from 'node:path';
import { settleAll } from '../../settle-all.ts';
import { type Broker, brokersOf, memberOf, type Servers } from '../instance/brokers.ts';
import type { ServiceSpec } from '../services/service-spec.ts';
import { prepareKafka } from './kafka-service.ts';
import { preparePostgres } from './postgres-service.ts';
import type { ProcessRuntime } from './process-runtime.ts';

export interface StartOptions {
  readonly stateDir: string;
  readonly password: string;
  readonly servers: Servers;
  readonly runtime: ProcessRuntime;
  readonly progress: (step: string) => void;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Starts the PostgreSQL servers and brokers that do not run, concurrently, and resumes those that are paused. If one
 * fails, its error is thrown when all others have settled.
 */
export async function startPostgresAndKafka(options: StartOptions): Promise<void> {
  const running = new Map((await options.runtime.services()).map((service) => [service.name, service.state]));
  const start = async (name: string, prepare: () => Promise<ServiceSpec>): Promise<void> => {
    const state = running.get(name);
    if (state === 'running') return;
    if (state === 'paused') {
      await options.runtime.resume(name);
      options.progress(`${name} is resumed`);
      return;
    }
    const started = await options.runtime.launch(await prepare(), options.signal);
    options.progress(
      `${name} answers after ${String(started.evidence.readyMs)} ms: ${started.evidence.firstAnswer}`,
    );
  };
  const { stateDir, password, servers } = options;
  const place = (name: string) => ({
    name,
    stateDir,
    dataDir: join(stateDir, 'data', name),
    log: join(stateDir, 'logs', `${name}.log`),
  });
  // One after another: the first may have to run Kafka's formatter, and the others reuse its result.
  const prepareBroker = inTurn((broker: Broker) =>
    prepareKafka({ ...place(broker.name), ports: broker.ports, ...memberOf(servers, broker) }),
  );
  const { pgSource, pgSink } = servers.ports;
  await settleAll([
    start('pg-source', () => preparePostgres({ ...place('pg-source'), port: pgSource, password })),
    start('pg-sink', () => preparePostgres({ ...place('pg-sink'), port: pgSink, password })),
    ...brokersOf(servers).map((broker) => start(broker.name, () => prepareBroker(broker))),
  ]);
}

/** Makes concurrent calls of the function run one after another. */
function inTurn<A, R>(work: (argument: A) => Promise<R>): (argument: A) => Promise<R> {
  let last: Promise<unknown> = Promise.resolve();
  return (argument) => {
    const mine = last.then(() => work(argument));
    last = mine.catch(() => undefined);
    return mine;
  };
}
