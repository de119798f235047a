import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FastifyInstance, InjectOptions } from 'fastify';
import { DEFAULT_HEALTH_BOUNDS } from '../../contract/health.ts';
import { ControlledCrashPoints } from '../crash-points.ts';
import { createLogger } from '../log.ts';
import { WorkerMetrics } from '../metrics.ts';
import { type WorkerFile, workerSettings } from '../options.ts';
import { Secrets } from '../secrets.ts';
import { createServer } from '../server.ts';
import { Worker } from '../worker.ts';
import { FakePlugin } from './fake-plugin.ts';

export const PORT = 8083;
export const SECRET = 'hunter2-hunter2';

const FILE: WorkerFile = {
  workerId: 'worker@test',
  host: '127.0.0.1',
  port: 0,
  names: [],
  bootstrapServers: ['127.0.0.1:9092'],
  stateDir: '',
  offsetsTopic: 'offsets',
  tasks: { id: 0, of: 1 },
  stopDeadlineMs: 100,
  health: DEFAULT_HEALTH_BOUNDS,
};

/** A worker with two fake connector classes and its REST API, without a socket. */
export class LabWorker implements AsyncDisposable {
  readonly source = new FakePlugin('com.example.FakeSourceConnector', 'source');
  readonly sink = new FakePlugin('com.example.FakeSinkConnector', 'sink');
  readonly crashPoints = new ControlledCrashPoints();
  readonly log: string[] = [];
  readonly file: WorkerFile;
  readonly app: FastifyInstance;
  readonly worker: Worker;
  #port = PORT;

  private constructor(file: WorkerFile) {
    this.file = file;
    const secrets = new Secrets({ FAKE_PASSWORD: SECRET });
    const redact = (text: string) => secrets.redact(text);
    const write = (line: string) => {
      this.log.push(line);
    };
    const logOf = (fields: Readonly<Record<string, unknown>>) =>
      createLogger({ level: 'debug', redact, write }, fields);
    this.worker = new Worker({
      ...workerSettings(file),
      plugins: [this.source, this.sink],
      secrets,
      metrics: new WorkerMetrics(),
      crashPoints: this.crashPoints,
      defects: [],
      logOf,
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
      names: file.names,
    });
  }

  get stateDir(): string {
    return this.file.stateDir;
  }

  /** @param changes Keys of the worker's file; `stateDir` may be the folder of an earlier worker. */
  static async start(changes: Partial<WorkerFile> = {}): Promise<LabWorker> {
    const stateDir = changes.stateDir ?? (await mkdtemp(join(tmpdir(), 'worker-')));
    const lab = new LabWorker({ ...FILE, ...changes, stateDir });
    const startStored = await lab.worker.open();
    startStored();
    return lab;
  }

  /** Serves the REST API where the file says, on a free port unless it names one. @returns the base URL. */
  async listen(): Promise<string> {
    const url = await this.app.listen({ host: this.file.host, port: this.file.port });
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
