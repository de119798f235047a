import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { type EnginePair, OWN_ENGINES } from '../lab/engines.ts';
import { WorkerGroup } from './worker-group.ts';

/** A worker of the sink that runs one task of the connector `s`, and writes down what it is asked. */
async function fakeWorker(id: number, asked: string[]): Promise<{ url: string; stop: () => void }> {
  const task = { id, state: 'RUNNING', worker_id: `sink-${id}` };
  const status = {
    name: 's',
    connector: { state: 'RUNNING', worker_id: `sink-${id}` },
    tasks: [task],
    type: 'sink',
  };
  const points = {
    armed: [],
    waiting: id === 1 ? [{ name: 'sink.after-fetch', since: 'now', arrivals: 1 }] : [],
  };
  const server = createServer((request, response) => {
    asked.push(`${id} ${request.method} ${request.url}`);
    const isStatus = request.url === '/connectors/s/status';
    response.setHeader('content-type', 'application/json');
    response.statusCode = request.method === 'GET' ? 200 : 202;
    response.end(request.method === 'GET' ? JSON.stringify(isStatus ? status : points) : '');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const stop = (): void => {
    server.closeAllConnections();
    server.close();
  };
  onTestFinished(stop);
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, stop };
}

async function twoSinks(engines: EnginePair = OWN_ENGINES) {
  const asked: string[] = [];
  const [first, second] = [await fakeWorker(0, asked), await fakeWorker(1, asked)];
  const workers = new WorkerGroup(
    {
      captureUrl: '',
      sinkWorkerUrl: first.url,
      moreSinks: [{ service: 'sink-2@lab', url: second.url }],
      services: { capture: 'capture@lab', sink: 'sink@lab', verifier: 'verifier@lab' },
      connectors: { source: 'c', sink: 's' },
      engines,
    },
    'sink',
  );
  return { workers, asked, first, second };
}

test('the tasks of all workers are one connector’s, and a pause goes to each', async () => {
  const { workers, asked } = await twoSinks();
  expect((await workers.status()).tasks.map(({ id, state }) => [id, state])).toEqual([
    [0, 'RUNNING'],
    [1, 'RUNNING'],
  ]);
  await workers.pause();
  expect(asked.slice(-2)).toEqual(['0 PUT /connectors/s/pause', '1 PUT /connectors/s/pause']);
});

test('the task of a worker that does not answer is UNASSIGNED', async () => {
  const { workers, second } = await twoSinks();
  second.stop();
  const { tasks } = await workers.status();
  expect(tasks).toMatchObject([
    { id: 0, state: 'RUNNING' },
    { id: 1, state: 'UNASSIGNED', worker_id: 'sink-2@lab' },
  ]);
});

test('a crash point is armed in every worker, and who waits there is named', async () => {
  const { workers, asked } = await twoSinks();
  await workers.arm('sink.after-fetch', 0);
  expect(asked).toEqual([
    '0 PUT /lab/crash-points/sink.after-fetch',
    '1 PUT /lab/crash-points/sink.after-fetch',
  ]);
  expect((await workers.crashPoints()).waiting).toMatchObject([
    { name: 'sink.after-fetch', service: 'sink-2@lab' },
  ]);
});

test('one worker answers for a whole Connect cluster', async () => {
  const { workers, asked } = await twoSinks({ source: 'ts', sink: 'jdbc' });
  await workers.pause();
  expect(asked).toEqual(['0 PUT /connectors/s/pause']);
});

test('where one worker of a Connect cluster is down, the next is asked; where all are, each is named', async () => {
  const { workers, asked, first, second } = await twoSinks({ source: 'ts', sink: 'jdbc' });
  first.stop();
  expect((await workers.status()).tasks).toMatchObject([{ id: 1, state: 'RUNNING' }]);
  await workers.pause();
  await workers.resume();
  expect(asked).toEqual([
    '1 GET /connectors/s/status',
    '1 PUT /connectors/s/pause',
    '1 PUT /connectors/s/resume',
  ]);
  second.stop();
  const error = await workers.status().catch((cause: unknown) => cause);
  expect(error).toMatchObject({ code: 'CDC-5310' });
  expect(String(error)).toContain(`${first.url} and ${second.url}`);
});
