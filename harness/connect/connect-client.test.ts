import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LabWorker } from '../../pipeline/worker/testing/lab-worker.ts';
import { ConnectClient } from './connect-client.ts';
import { ConnectorStateError, ConnectRefused, ConnectUnreachable, NotConnect } from './connect-errors.ts';

const SOURCE = { 'connector.class': 'com.example.FakeSourceConnector', 'topic.prefix': 'lab' };
const SOON = { deadlineMs: 5_000, failedGraceMs: 0 };

describe("the client and the lab's worker", () => {
  let lab: LabWorker;
  let client: ConnectClient;
  beforeEach(async () => {
    lab = await LabWorker.start();
    client = new ConnectClient({ baseUrl: `${await lab.listen()}/` });
  });
  afterEach(() => lab[Symbol.asyncDispose]());

  it('agree over the whole life of a connector', async () => {
    expect(await client.root()).toMatchObject({ kafka_cluster_id: 'cluster' });
    expect(await client.create('a b', SOURCE)).toMatchObject({ name: 'a b', type: 'source' });
    expect(await client.names()).toEqual(['a b']);
    await client.waitForState('a b', 'RUNNING', SOON);
    await client.pause('a b');
    await client.waitForState('a b', 'PAUSED', SOON);
    await client.resume('a b');
    await client.waitForState('a b', 'RUNNING', SOON);
    await client.configure('a b', { ...SOURCE, topics: 'x' });
    await client.patchConfig('a b', { topics: null, 'tasks.max': '1' });
    expect(await client.config('a b')).toEqual({ ...SOURCE, name: 'a b', 'tasks.max': '1' });
    await client.restart('a b');
    await client.restartTask('a b');
    await client.waitForState('a b', 'RUNNING', SOON);
    await client.stop('a b');
    await client.waitForState('a b', 'STOPPED', SOON);
    await client.alterOffsets('a b', [{ partition: { server: 'lab' }, offset: { lsn: 7 } }]);
    expect(await client.offsets('a b')).toEqual([{ partition: { server: 'lab' }, offset: { lsn: 7 } }]);
    await client.resetOffsets('a b');
    expect(await client.offsets('a b')).toEqual([]);
    expect(await client.topics('a b')).toEqual([]);
    expect(await client.all()).toMatchObject({ 'a b': { status: { connector: { state: 'STOPPED' } } } });
    expect([await client.delete('a b'), await client.delete('a b')]).toEqual([true, false]);
  });

  it('agree on what is wrong with a configuration', async () => {
    const wrong = { ...SOURCE, topisc: 'x' };
    expect(await client.validate('com.example.FakeSourceConnector', wrong)).toEqual(
      new Map([['topisc', ['topisc is not known (did you mean topics?)']]]),
    );
    await expect(client.create('a', wrong)).rejects.toMatchObject({
      code: 'CDC-5311',
      status: 400,
      message: expect.stringContaining('did you mean topics'),
    });
  });

  it('distinguish a name that is taken from a rebalance: it is refused at once', async () => {
    await client.create('a', SOURCE);
    await expect(client.create('a', SOURCE)).rejects.toBeInstanceOf(ConnectRefused);
  });

  it('report the trace of a task that fails while RUNNING is waited for', async () => {
    lab.source.starting = () => Promise.reject(new Error('the slot is gone'));
    await client.create('a', SOURCE);
    const waiting = client.waitForState('a', 'RUNNING', SOON);
    await expect(waiting).rejects.toMatchObject({
      code: 'CDC-5312',
      trace: expect.stringContaining('the slot is gone'),
      message: expect.stringContaining('it is RUNNING, task 0 FAILED'),
    });
  });

  it('wait for FAILED too', async () => {
    await client.create('a', SOURCE);
    await client.waitForState('a', 'RUNNING', SOON);
    lab.source.task.fail(new Error('gone'));
    expect((await client.waitForState('a', 'FAILED', SOON)).tasks[0]?.trace).toContain('gone');
  });

  it('give up at the deadline, and say what was seen last', async () => {
    await client.create('a', SOURCE);
    const waiting = client.waitForState('a', 'PAUSED', { deadlineMs: 300 });
    await expect(waiting).rejects.toThrow(
      /^Connector a is not PAUSED after \d+ ms: it is RUNNING, task 0 RUNNING\.$/,
    );
    await expect(client.waitForState('b', 'RUNNING', { deadlineMs: 0 })).rejects.toThrow('it is not there');
  });

  it('stop waiting when the signal aborts', async () => {
    const signal = AbortSignal.timeout(50);
    const waiting = client.waitForState('a', 'RUNNING', { deadlineMs: 60_000, signal });
    await expect(waiting).rejects.toMatchObject({ name: 'TimeoutError' });
  });
});

describe('the client and another Connect', () => {
  const answer = async (
    handler: (request: IncomingMessage, response: ServerResponse) => void,
    use: (url: string) => Promise<void>,
  ) => {
    const server = createServer(handler);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    try {
      const address = server.address();
      await use(`http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`);
    } finally {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
  };

  it('logs in', async () => {
    const seen: (string | undefined)[] = [];
    await answer(
      (request, response) => {
        seen.push(request.headers.authorization);
        response.end('[]');
      },
      async (baseUrl) => {
        const client = new ConnectClient({ baseUrl, basicAuth: { username: 'ada', password: 'ü:x' } });
        await client.names();
      },
    );
    expect(seen).toEqual([`Basic ${Buffer.from('ada:ü:x').toString('base64')}`]);
  });

  it('waits while the workers rebalance', async () => {
    let requests = 0;
    await answer(
      (_request, response) => {
        requests += 1;
        const message = 'Cannot complete request momentarily due to stale configuration';
        response.statusCode = requests < 3 ? 409 : 200;
        response.end(requests < 3 ? JSON.stringify({ error_code: 409, message }) : '["a"]');
      },
      async (baseUrl) => expect(await new ConnectClient({ baseUrl }).names()).toEqual(['a']),
    );
    expect(requests).toBe(3);
  });

  it('reports a rebalance that does not end', async () => {
    await answer(
      (_request, response) => {
        response.statusCode = 409;
        response.end('{"error_code":409,"message":"rebalance in progress"}');
      },
      async (baseUrl) => {
        const client = new ConnectClient({ baseUrl, rebalanceDeadlineMs: 150 });
        await expect(client.names()).rejects.toMatchObject({ status: 409 });
      },
    );
  });

  it('accepts fields that it does not know', async () => {
    const status = {
      name: 'a',
      connector: { state: 'RUNNING', worker_id: 'w', version: '4.3.1' },
      tasks: [{ id: 0, state: 'RUNNING', worker_id: 'w', version: '4.3.1' }],
      type: 'sink',
    };
    await answer(
      (_request, response) => response.end(JSON.stringify(status)),
      async (baseUrl) => {
        expect((await new ConnectClient({ baseUrl }).waitForState('a', 'RUNNING', SOON)).name).toBe('a');
      },
    );
  });

  it('reports it when something else answers', async () => {
    await answer(
      (_request, response) => response.end('<html>'),
      async (baseUrl) => {
        await expect(new ConnectClient({ baseUrl }).root()).rejects.toBeInstanceOf(NotConnect);
      },
    );
  });

  it('reports it when nothing answers, or not in time', async () => {
    let unused = '';
    await answer(
      () => {},
      async (baseUrl) => {
        unused = baseUrl;
        const client = new ConnectClient({ baseUrl, timeoutMs: 100 });
        await expect(client.root()).rejects.toBeInstanceOf(ConnectUnreachable);
      },
    );
    const client = new ConnectClient({ baseUrl: unused });
    await expect(client.root()).rejects.toBeInstanceOf(ConnectUnreachable);
    await expect(client.waitForState('a', 'RUNNING', { deadlineMs: 0 })).rejects.toBeInstanceOf(
      ConnectorStateError,
    );
  });
});
