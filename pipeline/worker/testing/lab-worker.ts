import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FastifyInstance, InjectOptions } from 'fastify';
import { ConnectorStore } from '../connector-store.ts';
import { ControlledCrashPoints } from '../crash-points.ts';
import { createLogger } from '../log.ts';
import { WorkerMetrics } from '../metrics.ts';
import { Secrets } from '../secrets.ts';
import { createServer } from '../server.ts';
import { Worker } from '../worker.ts';
import { FakePlugin } from './fake-plugin.ts';

export const PORT = 8083;
export const SECRET = 'hunter2-hunter2';

/** A worker with two fake connector classes and its REST API, without a socket. */
export class LabWorker implements AsyncDisposable {
  readonly source = new FakePlugin('com.example.FakeSourceConnector', 'source');
  readonly sink = new FakePlugin('com.example.FakeSinkConnector', 'sink');
  readonly crashPoints = new ControlledCrashPoints();
  readonly log: string[] = [];
  readonly stateDir: string;
  readonly app: FastifyInstance;
  readonly worker: Worker;
  #port = PORT;

  private constructor(stateDir: string) {
    this.stateDir = stateDir;
    const secrets = new Secrets({ FAKE_PASSWORD: SECRET });
    const redact = (text: string) => secrets.redact(text);
    const write = (line: string) => {
      this.log.push(line);
    };
    const logOf = (fields: Readonly<Record<string, unknown>>) =>
      createLogger({ level: 'debug', redact, write }, fields);
    this.worker = new Worker({
      workerId: 'worker@test',
      bootstrapServers: ['127.0.0.1:9092'],
      offsetsTopic: 'offsets',
      plugins: [this.source, this.sink],
      store: new ConnectorStore(join(stateDir, 'connectors.json')),
      secrets,
      metrics: new WorkerMetrics(),
      crashPoints: this.crashPoints,
      defects: [],
      logOf,
      stopDeadlineMs: 100,
    });
    this.app = createServer({
      worker: this.worker,
      crashPoints: this.crashPoints,
      version: '9.9.9',
      commit: 'abc',
      clusterId: () => 'cluster',
      redact,
      log: logOf({}),
      port: () => this.#port,
    });
  }

  /** @param stateDir The folder of an earlier worker; a new folder if undefined. */
  static async start(stateDir?: string): Promise<LabWorker> {
    const lab = new LabWorker(stateDir ?? (await mkdtemp(join(tmpdir(), 'worker-'))));
    const startStored = await lab.worker.open();
    startStored();
    return lab;
  }

  /** Serves the REST API on a free port. @returns the base URL. */
  async listen(): Promise<string> {
    const url = await this.app.listen({ host: '127.0.0.1', port: 0 });
    this.#port = Number(new URL(url).port);
    return url;
  }

  async ask(method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE', url: string, body?: object) {
    const options: InjectOptions = { method, url, headers: { host: `127.0.0.1:${PORT}` } };
    const answer = await this.app.inject(body === undefined ? options : { ...options, payload: body });
    return {
      status: answer.statusCode,
      body: answer.body === '' ? null : answer.json<unknown>(),
      headers: answer.headers,
    };
  }

  /** Waits until all requests to the connector are carried out. */
  settled(name: string): Promise<void> {
    return this.worker.connector(name).settle();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.app.close();
    await rm(this.stateDir, { recursive: true, force: true });
  }
}
