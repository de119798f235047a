import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ConnectClient } from '../connect/connect-client.ts';
import { startChild } from '../lab/process/child-service.ts';
import { ensureEngines } from '../lab/process/fetch-engines.ts';
import { startConnect } from '../lab/process/started-connect.ts';
import { ownProcess } from '../lab/services/own-process.ts';
import { freePorts } from '../lab/services/ports.ts';

export type EngineName = 'ours' | 'debezium';

/** Both engines, each in its own worker. They end with this process, or when they are disposed of. */
export interface Engines extends AsyncDisposable {
  readonly clients: Readonly<Record<EngineName, ConnectClient>>;
}

/** Starts both engines. @returns them once both workers answer. */
export async function startEngines(options: {
  readonly bootstrapServers: readonly string[];
  /** Password of the source. */
  readonly password: string;
  readonly id: string;
  readonly progress: (step: string) => void;
}): Promise<Engines> {
  const { bootstrapServers, password, id, progress } = options;
  await ensureEngines(progress);
  const dir = mkdtempSync(join(tmpdir(), 'cdc-lab-parity-'));
  await using started = new AsyncDisposableStack();
  started.defer(() => rmSync(dir, { recursive: true, force: true }));
  progress('starting Kafka Connect and the worker …');
  const connect = startConnect({
    dataDir: join(dir, 'connect'),
    bootstrapServers,
    cluster: id,
    password,
  });
  const [own, debezium] = await Promise.all([
    startOwn(dir, bootstrapServers, `${id}-offsets`, password),
    connect,
  ]);
  started.use(own.child);
  started.use(debezium);
  const all = started.move();
  return {
    clients: { ours: clientOf(own.url), debezium: clientOf(debezium.url) },
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}

/** Connect answers slowly while it starts forty tasks, so the time-outs are long. */
function clientOf(baseUrl: string): ConnectClient {
  return new ConnectClient({ baseUrl, timeoutMs: 90_000, rebalanceDeadlineMs: 90_000 });
}

async function startOwn(
  dir: string,
  bootstrapServers: readonly string[],
  offsetsTopic: string,
  password: string,
) {
  const [port = 0] = await freePorts(1);
  const config = join(dir, 'worker.json');
  const file = { workerId: 'parity', host: '127.0.0.1', port, bootstrapServers, offsetsTopic, stateDir: dir };
  writeFileSync(config, JSON.stringify(file));
  const child = await startChild(
    {
      name: 'worker',
      kind: 'worker',
      ...ownProcess('pipeline/worker/main.ts', ['--config', config]),
      port,
      log: '',
      probe: { tag: 'http', port, path: '/', anyStatus: false },
      readyTimeoutMs: 180_000,
      stopSignals: [],
    },
    { password },
  );
  return { child, url: `http://127.0.0.1:${port}` };
}
