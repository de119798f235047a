import { writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LabWorker, PORT, SECRET } from './testing/lab-worker.ts';

let lab: LabWorker;
beforeEach(async () => {
  lab = await LabWorker.start();
});
afterEach(() => lab[Symbol.asyncDispose]());

const SOURCE = { 'connector.class': 'com.example.FakeSourceConnector', 'topic.prefix': 'lab' };
const create = async (name = 'a', config: Record<string, unknown> = SOURCE) => {
  const answer = await lab.ask('POST', '/connectors', { name, config });
  await lab.settled(name);
  return answer;
};
const state = async (name = 'a') => {
  const { body } = await lab.ask('GET', `/connectors/${name}/status`);
  const { connector, tasks } = body as { connector: { state: string }; tasks: { state: string }[] };
  return [connector.state, ...tasks.map((task) => task.state)].join(' ');
};

describe('the REST API', () => {
  it('reports its version and the cluster at the root', async () => {
    expect(await lab.ask('GET', '/')).toMatchObject({
      status: 200,
      body: { version: '9.9.9', commit: 'abc', kafka_cluster_id: 'cluster' },
    });
  });

  it('creates a connector, and answers as Connect does', async () => {
    expect(await create()).toMatchObject({
      status: 201,
      headers: { location: '/connectors/a' },
      body: { name: 'a', config: { ...SOURCE, name: 'a' }, type: 'source' },
    });
    expect((await lab.ask('GET', '/connectors')).body).toEqual(['a']);
    expect((await lab.ask('GET', '/connectors/a/status')).body).toEqual({
      name: 'a',
      connector: { state: 'RUNNING', worker_id: 'worker@test' },
      tasks: [{ id: 0, state: 'RUNNING', worker_id: 'worker@test' }],
      type: 'source',
    });
  });

  it('expands the list of connectors on demand', async () => {
    await create();
    const { body } = await lab.ask('GET', '/connectors?expand=status&expand=info');
    expect(body).toMatchObject({
      a: {
        status: { connector: { state: 'RUNNING' } },
        info: { name: 'a', tasks: [{ connector: 'a', task: 0 }] },
      },
    });
    expect((await lab.ask('GET', '/connectors?expand=status')).body).not.toHaveProperty('a.info');
  });

  it('refuses a name that exists already', async () => {
    await create();
    expect(await create()).toMatchObject({
      status: 409,
      body: { error_code: 409, message: 'Connector a already exists' },
    });
  });

  it('creates a connector that is paused or stopped if the request says so', async () => {
    await lab.ask('POST', '/connectors', { name: 'p', config: SOURCE, initial_state: 'PAUSED' });
    await lab.ask('POST', '/connectors', { name: 's', config: SOURCE, initial_state: 'STOPPED' });
    expect([await state('p'), await state('s')]).toEqual(['PAUSED PAUSED', 'STOPPED']);
    expect(lab.source.tasks).toEqual([]);
  });

  it('lists the problems of a configuration, with the nearest known key', async () => {
    const { status, body } = await lab.ask('POST', '/connectors', {
      name: 'a',
      config: { ...SOURCE, topisc: 'x' },
    });
    expect(status).toBe(400);
    expect(body).toMatchObject({ error_code: 400 });
    expect(JSON.stringify(body)).toContain(
      'the following 1 error(s):\\ntopisc is not known (did you mean topics?)',
    );
    expect((await lab.ask('GET', '/connectors')).body).toEqual([]);
  });

  it.each([
    [{ config: SOURCE }, 'name'],
    [{ name: '', config: SOURCE }, 'name'],
    [{ name: '  ', config: SOURCE }, 'name'],
    [{ name: '..', config: SOURCE }, 'name'],
    [{ name: 'a\u0007b', config: SOURCE }, 'without control characters'],
    [{ name: 'x'.repeat(201), config: SOURCE }, '1 to 200 characters'],
    [{ name: 'a', config: { ...SOURCE, topics: null } }, 'config.topics'],
    [{ name: 'a', config: SOURCE, extra: 1 }, 'extra'],
    [{ name: 'a', config: {} }, 'connector.class'],
    [{ name: 'a', config: { 'connector.class': 'Nothing' } }, 'com.example.FakeSinkConnector'],
    [{ name: 'a', config: { ...SOURCE, name: 'b' } }, "doesn't match"],
  ])('refuses the body %j and says why', async (body, why) => {
    const answer = await lab.ask('POST', '/connectors', body);
    expect(answer.status).toBe(400);
    expect(JSON.stringify(answer.body)).toContain(why);
  });

  it.each(['a/b', 'my sink', 'ünï', 'a\\b', '%zz', 'a?b#c', '😀'.repeat(200)])(
    'takes the name %j, as Connect does',
    async (name) => {
      const created = await create(name);
      expect(created).toMatchObject({ status: 201, body: { name } });
      const path = `/connectors/${encodeURIComponent(name)}`;
      expect(created.headers.location).toBe(path);
      expect(await state(encodeURIComponent(name))).toBe('RUNNING RUNNING');
      const answers = [
        await lab.ask('GET', path),
        await lab.ask('GET', `${path}/offsets`),
        await lab.ask('PUT', `${path}/config`, { ...SOURCE, 'tasks.max': '1' }),
        await lab.ask('POST', `${path}/tasks/0/restart`),
        await lab.ask('DELETE', path),
      ];
      expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 204, 204]);
    },
  );

  it('takes off blanks around a name, as Connect does', async () => {
    const answer = await lab.ask('POST', '/connectors', { name: ' a ', config: SOURCE });
    expect(answer).toMatchObject({ status: 201, body: { name: 'a' } });
  });

  it('takes numbers and booleans in a configuration, as Connect does', async () => {
    await create('a', { ...SOURCE, 'tasks.max': 1 });
    expect((await lab.ask('GET', '/connectors/a/config')).body).toMatchObject({ 'tasks.max': '1' });
  });

  it.each([
    ['GET', '/connectors/x'],
    ['GET', '/connectors/x/config'],
    ['GET', '/connectors/x/status'],
    ['GET', '/connectors/x/tasks'],
    ['GET', '/connectors/x/topics'],
    ['GET', '/connectors/x/offsets'],
    ['PUT', '/connectors/x/pause'],
    ['PUT', '/connectors/x/resume'],
    ['PUT', '/connectors/x/stop'],
    ['POST', '/connectors/x/restart'],
    ['POST', '/connectors/x/tasks/0/restart'],
    ['DELETE', '/connectors/x/offsets'],
    ['DELETE', '/connectors/x'],
    ['GET', '/nothing'],
  ] as const)('answers %s %s with 404', async (method, url) => {
    expect(await lab.ask(method, url)).toMatchObject({ status: 404, body: { error_code: 404 } });
  });

  it('replaces a configuration and starts another task with it', async () => {
    await create();
    const { status } = await lab.ask('PUT', '/connectors/a/config', { ...SOURCE, topics: 'x' });
    await lab.settled('a');
    expect(status).toBe(200);
    expect(lab.source.tasks.map(({ asked }) => asked)).toEqual([['stop'], []]);
    expect(lab.source.task.config).toMatchObject({ topics: 'x' });
  });

  it('creates a connector by PUT if there is none', async () => {
    expect((await lab.ask('PUT', '/connectors/a/config', SOURCE)).status).toBe(201);
    await lab.settled('a');
    expect(await state()).toBe('RUNNING RUNNING');
  });

  it('merges a PATCH into the configuration, where null removes a key', async () => {
    await create('a', { ...SOURCE, topics: 'x' });
    const { status } = await lab.ask('PATCH', '/connectors/a/config', { topics: null, 'tasks.max': '1' });
    expect(status).toBe(200);
    expect((await lab.ask('GET', '/connectors/a/config')).body).toEqual({
      ...SOURCE,
      name: 'a',
      'tasks.max': '1',
    });
  });

  it('pauses, resumes, stops and starts again', async () => {
    await create();
    const seen: string[] = [];
    for (const [path, code] of [
      ['pause', 202],
      ['resume', 202],
      ['stop', 204],
      ['resume', 202],
    ] as const) {
      expect((await lab.ask('PUT', `/connectors/a/${path}`)).status).toBe(code);
      await lab.settled('a');
      seen.push(await state());
    }
    expect(seen).toEqual(['PAUSED PAUSED', 'RUNNING RUNNING', 'STOPPED', 'RUNNING RUNNING']);
    expect(lab.source.tasks.map(({ asked }) => asked)).toEqual([['pause', 'resume', 'stop'], []]);
  });

  it('loses no request that comes just when the one before is carried out', async () => {
    await create();
    for (const [target, seen] of [
      ['PAUSED', 'PAUSED PAUSED'],
      ['STARTED', 'RUNNING RUNNING'],
      ['STOPPED', 'STOPPED'],
      ['STARTED', 'RUNNING RUNNING'],
    ] as const) {
      // Without a turn of the event loop in between.
      await lab.worker.connector('a').setTarget(target);
      expect(await state()).toBe(seen);
    }
  });

  it('keeps a failed task failed, with its trace, until it is restarted', async () => {
    await create();
    const failed = lab.source.task;
    failed.fail(new Error('the slot is gone'));
    await expect.poll(() => state()).toBe('RUNNING FAILED');
    expect((await lab.ask('GET', '/connectors/a/tasks/0/status')).body).toMatchObject({
      id: 0,
      state: 'FAILED',
      trace: expect.stringContaining('the slot is gone'),
    });
    await lab.ask('PUT', '/connectors/a/resume');
    expect(await state()).toBe('RUNNING FAILED');
    expect(failed.asked).toEqual(['stop']);

    expect((await lab.ask('POST', '/connectors/a/tasks/0/restart')).status).toBe(204);
    await lab.settled('a');
    expect(await state()).toBe('RUNNING RUNNING');
    expect(lab.source.tasks).toHaveLength(2);
  });

  it('shows a start that failed as a failed task, with every cause', async () => {
    lab.source.starting = () =>
      Promise.reject(new Error('cannot start', { cause: new Error('no such host') }));
    await create();
    const { body } = await lab.ask('GET', '/connectors/a/tasks/0/status');
    expect(body).toMatchObject({
      state: 'FAILED',
      trace: expect.stringMatching(/cannot start.*no such host/s),
    });
  });

  it('restarts tasks on demand, or only those that failed', async () => {
    await create();
    expect((await lab.ask('POST', '/connectors/a/restart')).status).toBe(204);
    expect((await lab.ask('POST', '/connectors/a/restart?includeTasks=true&onlyFailed=true')).status).toBe(
      202,
    );
    await lab.settled('a');
    expect(lab.source.tasks).toHaveLength(1);
    expect(await lab.ask('POST', '/connectors/a/restart?includeTasks=true')).toMatchObject({
      status: 202,
      body: { tasks: [{ id: 0, state: 'RESTARTING' }] },
    });
    await lab.settled('a');
    expect(lab.source.tasks).toHaveLength(2);
  });

  it('reports a task that does not stop as FAILED, and starts no second one beside it', async () => {
    await create();
    lab.source.task.stopping = new Promise(() => {});
    await lab.ask('POST', '/connectors/a/tasks/0/restart');
    await lab.settled('a');
    expect(await state()).toBe('RUNNING FAILED');
    expect(lab.source.tasks).toHaveLength(1);
  });

  it('gives up a start that hangs when the connector is deleted, and stops the task if it still comes', async () => {
    const hang = Promise.withResolvers<void>();
    lab.source.starting = () => hang.promise;
    await lab.ask('POST', '/connectors', { name: 'a', config: SOURCE });
    expect(await state()).toBe('RUNNING UNASSIGNED');
    expect((await lab.ask('DELETE', '/connectors/a')).status).toBe(204);
    hang.resolve();
    await expect.poll(() => lab.source.tasks.at(-1)?.asked).toEqual(['stop']);
  });

  it('stops the task before it answers a DELETE', async () => {
    await create();
    expect((await lab.ask('DELETE', '/connectors/a')).status).toBe(204);
    expect(lab.source.task.asked).toEqual(['stop']);
    expect((await lab.ask('GET', '/connectors')).body).toEqual([]);
  });

  it('always shows offsets, and changes them only while the connector is stopped', async () => {
    await create();
    lab.source.stored = [{ partition: { server: 'lab' }, offset: { lsn: 1 } }];
    const change = { offsets: [{ partition: { server: 'lab' }, offset: { lsn: 2 } }] };
    expect((await lab.ask('GET', '/connectors/a/offsets')).body).toEqual({ offsets: lab.source.stored });
    expect((await lab.ask('PATCH', '/connectors/a/offsets', change)).status).toBe(400);
    expect((await lab.ask('DELETE', '/connectors/a/offsets')).status).toBe(400);
    await lab.ask('PUT', '/connectors/a/stop');
    await lab.settled('a');
    expect((await lab.ask('PATCH', '/connectors/a/offsets', change)).status).toBe(200);
    expect(lab.source.stored).toEqual(change.offsets);
    expect((await lab.ask('DELETE', '/connectors/a/offsets')).status).toBe(200);
    expect(lab.source.stored).toEqual([]);
  });

  it('says what to check if offsets cannot be read, altered or reset', async () => {
    await create();
    await lab.ask('PUT', '/connectors/a/stop');
    await lab.settled('a');
    const change = { offsets: [{ partition: { server: 'lab' }, offset: { lsn: 2 } }] };
    lab.source.unreachable = new Error('connect ECONNREFUSED 127.0.0.1:1');
    for (const [method, done] of [
      ['GET', 'read'],
      ['PATCH', 'altered'],
      ['DELETE', 'reset'],
    ] as const) {
      const answer = await lab.ask(method, '/connectors/a/offsets', method === 'PATCH' ? change : undefined);
      expect(answer).toMatchObject({ status: 500, body: { error_code: 500 } });
      expect(answer.body).toMatchObject({
        message:
          `The offsets of connector a could not be ${done}: connect ECONNREFUSED 127.0.0.1:1. ` +
          'Check that Kafka and the database of the connector can be reached, then repeat the request.',
      });
    }
  });

  it('lists tasks and topics', async () => {
    await create();
    lab.source.task.context.metrics.count('published', 'public.orders', 3);
    expect((await lab.ask('GET', '/connectors/a/tasks')).body).toMatchObject([
      { id: { connector: 'a', task: 0 } },
    ]);
    expect((await lab.ask('GET', '/connectors/a/topics')).body).toEqual({
      a: { topics: ['lab.public.orders'] },
    });
  });

  it('lists its connector classes, and validates configurations without creating anything', async () => {
    expect((await lab.ask('GET', '/connector-plugins')).body).toEqual([
      { class: 'com.example.FakeSourceConnector', type: 'source', version: '1.2.3' },
      { class: 'com.example.FakeSinkConnector', type: 'sink', version: '1.2.3' },
    ]);
    const url = '/connector-plugins/FakeSource/config/validate';
    expect((await lab.ask('PUT', url, { ...SOURCE, topisc: 'x' })).body).toMatchObject({ error_count: 1 });
    expect((await lab.ask('PUT', url, SOURCE)).body).toMatchObject({ error_count: 0 });
    expect((await lab.ask('PUT', url, { 'connector.class': 'FakeSink' })).status).toBe(400);
    expect((await lab.ask('PUT', '/connector-plugins/None/config/validate', {})).status).toBe(404);
  });

  it('resolves environment variables for the task only', async () => {
    await create('a', { ...SOURCE, 'database.password': '${' + 'env:FAKE_PASSWORD}' });
    expect(lab.source.task.config['database.password']).toBe(SECRET);
    lab.source.task.context.log.info(`connecting with ${SECRET}`, { config: lab.source.task.config });
    lab.source.task.fail(new Error(`cannot log in with ${SECRET}`));
    await expect.poll(() => state()).toBe('RUNNING FAILED');
    const urls = [
      '/connectors/a',
      '/connectors/a/config',
      '/connectors/a/tasks',
      '/connectors/a/status',
      '/health',
    ];
    const answers = await Promise.all(urls.map((url) => lab.ask('GET', url)));
    expect(JSON.stringify(answers)).toContain('cannot log in with ***');
    expect(JSON.stringify(answers) + lab.log.join('\n')).not.toContain(SECRET);
  });

  it('refuses a configuration that refers to a variable that is not set', async () => {
    const { body } = await lab.ask('POST', '/connectors', {
      name: 'a',
      config: { ...SOURCE, 'database.password': '${' + 'env:NOT_SET}' },
    });
    expect(body).toMatchObject({
      error_code: 400,
      message: expect.stringContaining('NOT_SET, which is not set'),
    });
  });

  it('answers /health with 200 while everything is ok, and with 503 once a task has failed', async () => {
    await create();
    expect(await lab.ask('GET', '/health')).toMatchObject({
      status: 200,
      body: {
        status: 'ok',
        components: expect.arrayContaining([{ component: 'a/database', health: 'ok', detail: 'connected' }]),
      },
    });
    lab.source.task.fail(new Error('gone'));
    await expect.poll(async () => (await lab.ask('GET', '/health')).status).toBe(503);
  });

  it('reports a task that lags or makes no progress as degraded, with 200, and in the metrics', async () => {
    await create();
    lab.source.task.components = [
      { component: 'lag', health: 'degraded', detail: 'the oldest change has waited 400 s' },
      { component: 'progress', health: 'ok', detail: 'nothing to do' },
    ];
    const { status, body } = await lab.ask('GET', '/health');
    expect(status).toBe(200);
    expect(body).toMatchObject({
      status: 'degraded',
      components: expect.arrayContaining([
        { component: 'a/lag', health: 'degraded', detail: 'the oldest change has waited 400 s' },
        { component: 'a/progress', health: 'ok', detail: 'nothing to do' },
      ]),
    });
    const metrics = async () =>
      (await lab.app.inject({ url: '/metrics', headers: { host: `127.0.0.1:${PORT}` } })).body;
    expect(await metrics()).toContain('cdc_health{component="a/lag",health="degraded"} 1');
    lab.source.task.components = [{ component: 'lag', health: 'ok', detail: '0 s' }];
    expect(await metrics()).toContain('cdc_health{component="a/lag",health="ok"} 1');
    expect(await metrics()).not.toContain('health="degraded"');
    expect(await metrics()).not.toContain('a/progress');
  });

  it('exports what tasks count, by connector and table', async () => {
    await create();
    const { metrics } = lab.source.task.context;
    metrics.count('published', 'public.orders', 3);
    metrics.lag('public.orders', 17);
    metrics.lag('*', 18);
    metrics.latency('public.orders', 20);
    const text = async () =>
      (await lab.app.inject({ url: '/metrics', headers: { host: `127.0.0.1:${PORT}` } })).body;
    expect(await text()).toContain('cdc_events_published_total{connector="a",table="public.orders"} 3');
    expect(await text()).toContain('cdc_lag{connector="a",table="public.orders"} 17');
    expect(await text()).toContain(
      'cdc_latency_seconds_bucket{le="0.025",connector="a",table="public.orders"} 1',
    );
    expect(await text()).toContain('cdc_task_state{connector="a",state="RUNNING"} 1');
    await lab.ask('DELETE', '/connectors/a');
    expect(await text()).not.toContain('connector="a"');
  });

  it.each([
    [{ host: 'evil.example:8083' }],
    [{ host: `127.0.0.1:${PORT + 1}` }],
    [{ host: `127.0.0.1:${PORT}`, origin: 'http://evil.example' }],
    [{ host: `127.0.0.1:${PORT}`, origin: 'null' }],
  ])('refuses a request with %j', async (headers) => {
    const urls = ['/', '/connectors', '/metrics', '/health', '/lab/crash-points', '/nothing'];
    for (const url of urls) expect((await lab.app.inject({ url, headers })).statusCode).toBe(403);
  });

  it('answers a page of its own origin', async () => {
    const headers = { host: `localhost:${PORT}`, origin: `http://localhost:${PORT}` };
    expect((await lab.app.inject({ url: '/', headers })).statusCode).toBe(200);
  });

  it('answers a body that is not JSON with 400', async () => {
    const headers = { host: `127.0.0.1:${PORT}`, 'content-type': 'application/json' };
    const answer = await lab.app.inject({ method: 'POST', url: '/connectors', headers, payload: '{' });
    expect([answer.statusCode, answer.json()]).toEqual([
      400,
      { error_code: 400, message: 'The request body is not JSON' },
    ]);
  });
});

describe('a worker that starts again', () => {
  it('starts the connectors that were running, and leaves the others paused or stopped', async () => {
    await create('runs');
    await create('paused');
    await create('stopped');
    await lab.ask('PUT', '/connectors/paused/pause');
    await lab.ask('PUT', '/connectors/stopped/stop');
    // Without a shutdown, as after a kill.
    await using next = await LabWorker.start({ stateDir: lab.stateDir });
    await next.settled('runs');
    const all = (await next.ask('GET', '/connectors?expand=status')).body;
    expect(all).toMatchObject({
      runs: { status: { tasks: [{ state: 'RUNNING' }] } },
      paused: { status: { connector: { state: 'PAUSED' }, tasks: [{ state: 'PAUSED' }] } },
      stopped: { status: { connector: { state: 'STOPPED' }, tasks: [] } },
    });
    expect(next.source.tasks).toHaveLength(1);
  });

  it('starts the connectors again that a graceful stop has stopped', async () => {
    await create();
    await lab.worker.close();
    expect(lab.source.task.asked).toEqual(['stop']);
    expect((await lab.ask('PUT', '/connectors/a/pause')).status).toBe(409);
    await using next = await LabWorker.start({ stateDir: lab.stateDir });
    await next.settled('a');
    expect(next.source.tasks).toHaveLength(1);
  });

  it('does not start if connectors.json is not valid or names an unknown class', async () => {
    await using broken = await LabWorker.start();
    const other = {
      version: 1,
      connectors: { a: { config: { 'connector.class': 'Other' }, target: 'STARTED' } },
    };
    for (const text of ['{"version":1,', JSON.stringify(other)]) {
      await writeFile(`${broken.stateDir}/connectors.json`, text);
      await expect(LabWorker.start({ stateDir: broken.stateDir })).rejects.toMatchObject({
        code: 'CDC-3002',
      });
    }
  });
});

describe('crash points', () => {
  it('let the arrivals to skip pass, then hold every arrival until they are released', async () => {
    expect((await lab.ask('PUT', '/lab/crash-points/capture.after-read', { skip: 2 })).status).toBe(204);
    expect(lab.crashPoints.reach('capture.after-read')).toBeUndefined();
    expect(lab.crashPoints.reach('capture.after-read')).toBeUndefined();
    expect(lab.crashPoints.reach('sink.after-fetch')).toBeUndefined();
    expect((await lab.ask('GET', '/lab/crash-points')).body).toEqual({
      armed: [{ name: 'capture.after-read', skip: 0 }],
      waiting: [],
    });
    const held = lab.crashPoints.reach('capture.after-read');
    expect(held).toBeInstanceOf(Promise);
    expect((await lab.ask('GET', '/lab/crash-points')).body).toMatchObject({
      waiting: [{ name: 'capture.after-read', arrivals: 3, since: expect.any(String) }],
    });
    expect((await lab.ask('DELETE', '/lab/crash-points/capture.after-read')).status).toBe(204);
    await held;
    expect(lab.crashPoints.reach('capture.after-read')).toBeUndefined();
  });

  it('are refused by name if there is no such point', async () => {
    expect(await lab.ask('PUT', '/lab/crash-points/nowhere', {})).toMatchObject({
      status: 404,
      body: { message: expect.stringContaining('capture.after-read') },
    });
  });
});
