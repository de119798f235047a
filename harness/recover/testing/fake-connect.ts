import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';
import type { Access } from '../../access/access.ts';
import type { State } from '../../connect/answers.ts';
import type { RecoveryContext } from '../../plugins/recovery.ts';
import { FakeWorld } from '../../runner/testing/fake-lab.ts';

/** A worker that answers for every connector; tests set the states, and what a changed configuration makes of the task. */
export class FakeConnect {
  connector: State = 'RUNNING';
  task: State | null = 'RUNNING';
  /** State of the task after a new configuration. */
  configured: State = 'RUNNING';
  config: Record<string, string> = { 'connector.class': 'C' };
  /** Requests that change something. */
  readonly told: string[] = [];
  url = '';

  static async start(): Promise<FakeConnect> {
    const worker = new FakeConnect();
    const server = createServer(async (request, response) => {
      let body = '';
      for await (const chunk of request) body += chunk;
      const answer = worker.#answer(request.method ?? '', request.url ?? '', body);
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify(answer));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => {
      server.closeAllConnections();
      server.close();
    });
    worker.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    return worker;
  }

  #answer(method: string, url: string, body: string): unknown {
    if (url.endsWith('/validate')) return { name: 'C', error_count: 0, configs: [] };
    if (method !== 'GET') this.told.push(`${method} ${url}`);
    if (method === 'PUT' && url.endsWith('/config')) {
      this.config = JSON.parse(body);
      this.task = this.configured;
      return { name: 'c', config: this.config, tasks: [], type: 'sink' };
    }
    if (url.endsWith('/config')) return this.config;
    const trace = 'Error: no such table\n  at x';
    const failed = this.task === 'FAILED' ? { trace } : {};
    return {
      name: 'c',
      connector: { state: this.connector, worker_id: 'w' },
      tasks: this.task === null ? [] : [{ id: 0, state: this.task, worker_id: 'w', ...failed }],
      type: 'sink',
    };
  }
}

/** What an action acts on: both connectors in that worker. @param query Answers each query on a database. */
export async function contextOf(
  { url }: Pick<FakeConnect, 'url'>,
  query?: Access['query'],
): Promise<RecoveryContext> {
  const world = new FakeWorld();
  const instance = { ...world.instance('lab', '/x'), captureUrl: url, sinkWorkerUrl: url };
  const access = await world.access();
  if (query !== undefined) access.query = query;
  const { signal } = new AbortController();
  return { lab: world.lab('/x'), instance, access, signal, withinMs: 10_000 };
}
