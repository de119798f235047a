import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import type { CheckResult } from '../check.ts';
import { connectorView } from '../observe/connect-rest.ts';
import { contextOf, passed, underWay } from '../testing/context.ts';
import check from './connector-state.ts';

type States = Readonly<
  Record<string, { state: string; tasks: readonly { state: string; trace?: string }[] }>
>;

/** A stub of a Connect worker that knows these connectors, and answers 500 for others. */
async function stubConnect(states: States): Promise<AsyncDisposable & { url: string }> {
  const server = createServer((request, response) => {
    const name = request.url?.split('/')[2] ?? '';
    const own = states[name];
    response.statusCode = own === undefined ? 500 : 200;
    response.end(JSON.stringify({ name, connector: { state: own?.state }, tasks: own?.tasks }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function judge(states: States, own: { fence?: 'passed'; names?: readonly string[] } = {}) {
  await using worker = await stubConnect(states);
  const views = (own.names ?? Object.keys(states)).map((name) =>
    connectorView({ name, url: worker.url, type: name.startsWith('source') ? 'source' : 'sink' }),
  );
  const fence = own.fence === 'passed' ? passed() : underWay();
  return await check.run(contextOf({ pipeline: { connectors: await Promise.all(views), fence } }));
}

const classes = ({ findings }: CheckResult) => findings.map((one) => [one.class, one.hop, one.verdict]);
const running = { state: 'RUNNING', tasks: [{ state: 'RUNNING' }] };

test('running connectors and tasks are a PASS without findings', async () => {
  const result = await judge({ source: running, sink: running });
  expect(result).toMatchObject({
    verdict: 'PASS',
    findings: [],
    detail: 'source is RUNNING; sink is RUNNING',
  });
});

test('a FAILED task is a FAIL at its hop, with the first line of its trace', async () => {
  const trace = 'the slot is lost\n  at capture.ts:12';
  const result = await judge({
    source: { state: 'RUNNING', tasks: [{ state: 'FAILED', trace }] },
    sink: running,
  });
  expect(result.verdict).toBe('FAIL');
  expect(classes(result)).toEqual([['connector-failed', 'capture', 'FAIL']]);
  expect(result.findings[0]?.detail).toBe('source is RUNNING (tasks: FAILED): the slot is lost');
});

test('if a worker of a Connect cluster is down, the next one is asked; if none answers, the first one’s error is reported', async () => {
  const dead = await stubConnect({});
  await dead[Symbol.asyncDispose]();
  await using other = await stubConnect({ sink: running });
  const ref = { name: 'sink', url: dead.url, type: 'sink' } as const;
  expect(await connectorView({ ...ref, otherUrls: [other.url] })).toMatchObject({ state: 'RUNNING' });
  const detail = expect.stringContaining('ECONNREFUSED');
  expect(await connectorView(ref)).toMatchObject({ state: 'UNREACHABLE', detail });
  const lost = { ...ref, name: 'other', otherUrls: [other.url] };
  expect(await connectorView(lost)).toMatchObject({ state: 'UNREACHABLE', detail });
});

test('a FAILED connector without tasks is a FAIL', async () => {
  const result = await judge({ sink: { state: 'FAILED', tasks: [] } });
  expect(classes(result)).toEqual([['connector-failed', 'sink', 'FAIL']]);
});

test('a PAUSED connector is in progress before the fence, and needs an operator behind it', async () => {
  const paused = { sink: { state: 'PAUSED', tasks: [{ state: 'PAUSED' }] } };
  expect((await judge(paused)).verdict).toBe('SYNC_IN_PROGRESS');
  const behind = await judge(paused, { fence: 'passed' });
  expect(behind.verdict).toBe('WARN');
  expect(classes(behind)).toEqual([['alert', 'sink', 'WARN']]);
});

test('a connector without tasks, or with an unassigned task, is not a PASS', async () => {
  expect((await judge({ sink: { state: 'RUNNING', tasks: [] } }, { fence: 'passed' })).verdict).toBe('WARN');
  const unassigned = { sink: { state: 'RUNNING', tasks: [{ state: 'UNASSIGNED' }] } };
  expect((await judge(unassigned, { fence: 'passed' })).verdict).toBe('WARN');
});

test('a connector whose state is unknown is missing evidence, and a FAILED connector beside it is still a FAIL', async () => {
  const result = await judge({ sink: running }, { names: ['source', 'sink'] });
  expect(result.verdict).toBe('INCONCLUSIVE');
  expect(classes(result)).toEqual([['evidence-missing', 'capture', 'INCONCLUSIVE']]);
  const both = await judge({ sink: { state: 'FAILED', tasks: [] } }, { names: ['source', 'sink'] });
  expect(both.verdict).toBe('FAIL');
});
