import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

// Each test starts a process or two, which takes long on a busy machine.
vi.setConfig({ testTimeout: 60_000 });

const MAIN = new URL('main.ts', import.meta.url).pathname;
const CONNECTOR = {
  'connector.class': 'io.debezium.connector.postgresql.PostgresConnector',
  'database.hostname': '127.0.0.1',
  'database.user': 'postgres',
  'database.password': '${' + 'env:PGPASSWORD}',
  'database.dbname': 'none',
  'topic.prefix': 'none',
};

let folder: string;
let children: ChildProcess[];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'worker-main-'));
  children = [];
});
afterEach(async () => {
  for (const child of children) child.kill('SIGKILL');
  await rm(folder, { recursive: true });
});

interface Run {
  readonly child: ChildProcess;
  readonly ended: Promise<number | null>;
  output(): string;
}

function run(...args: string[]): Run {
  const child = spawn(process.execPath, [MAIN, ...args], {
    env: { ...process.env, PGPASSWORD: 'correct horse' },
  });
  children.push(child);
  let output = '';
  child.stdout.on('data', (data) => (output += String(data)));
  child.stderr.on('data', (data) => (output += String(data)));
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
  return { child, ended, output: () => output };
}

async function configFile(changes: object = {}): Promise<string> {
  const path = join(folder, 'worker.json');
  // Nothing listens on port 1, because the worker must answer while Kafka is down.
  const file = {
    workerId: 'w',
    host: '127.0.0.1',
    port: 0,
    bootstrapServers: ['127.0.0.1:1'],
    stateDir: folder,
  };
  await writeFile(path, JSON.stringify({ ...file, ...changes }));
  return path;
}

async function readyUrl({ output }: Run): Promise<string> {
  await expect.poll(output, { timeout: 50_000 }).toMatch(/"url":"[^"]+"/);
  return /"url":"([^"]+)"/.exec(output())?.[1] ?? '';
}

describe('the worker process', () => {
  it('keeps its connectors through a SIGKILL, and writes no secret to its files or its output', async () => {
    const config = await configFile();
    const first = run('--config', config);
    const created = await fetch(`${await readyUrl(first)}/connectors`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ name: 'a', config: CONNECTOR, initial_state: 'STOPPED' }),
    });
    expect(created.status).toBe(201);
    first.child.kill('SIGKILL');
    await first.ended;

    const second = run('--config', config);
    const url = await readyUrl(second);
    expect(await (await fetch(`${url}/connectors/a/config`)).json()).toEqual({ ...CONNECTOR, name: 'a' });
    expect(await (await fetch(`${url}/connectors/a/status`)).json()).toMatchObject({
      connector: { state: 'STOPPED' },
    });
    const stored = await readFile(join(folder, 'connectors.json'), 'utf8');
    expect(stored + first.output() + second.output()).not.toContain('correct horse');
  });

  it('exits with 0 on SIGTERM', async () => {
    const worker = run('--config', await configFile());
    await readyUrl(worker);
    worker.child.kill('SIGTERM');
    expect(await worker.ended).toBe(0);
    expect(worker.output()).toContain('worker has stopped');
  });

  it('has the crash points and the planted defects of its command line', async () => {
    const config = await configFile();
    const worker = run('--config', config, '--crash-points', '--defect', 'pause-drops-fetched');
    expect((await fetch(`${await readyUrl(worker)}/lab/crash-points`)).status).toBe(200);
    expect(worker.output()).toContain('"defect":"pause-drops-fetched"');
  });

  it('exits with 64 and one sentence if a flag is wrong', async () => {
    const worker = run('--confg', 'x');
    expect(await worker.ended).toBe(64);
    expect(worker.output()).toMatch(/^CDC-3001: .*--confg.*\n$/);
  });

  it('exits with 69 if its port is taken', async () => {
    const server = createServer();
    const port = await new Promise<number>((resolve, reject) => {
      server.listen(0, '127.0.0.1', () => {
        const address = server.address();
        if (address === null || typeof address === 'string') reject(new Error('no port'));
        else resolve(address.port);
      });
    });
    try {
      const worker = run('--config', await configFile({ port }));
      expect(await worker.ended).toBe(69);
      expect(worker.output()).toContain(`CDC-3007: The worker cannot listen on 127.0.0.1:${port}.`);
    } finally {
      server.close();
    }
  });
});
