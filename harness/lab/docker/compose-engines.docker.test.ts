import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { labelOfRun, leftOf } from '../../../docker/testing/engine.ts';
import { quietKafka } from '../../../verifier/connection/quiet-kafka.ts';
import { reportSchema } from '../../../verifier/report.ts';
import { PROJECT_DIR } from '../../project.ts';
import { workerProperties } from '../instance/connect-worker.ts';
import { RunFile } from '../state/run-file.ts';
import { connectEngine } from './engine.ts';
import { ofRun } from './labels.ts';

const image = process.env.CDC_LAB_IMAGE_CONNECT ?? '';
/** Two Connect workers start, on a machine that may be busy. */
const UP_MS = 600_000;
const STATUS_MS = 300_000;
const PIPELINE = ['capture@lab', 'sink@lab', 'verifier@lab'];
const SERVERS = ['kafka', 'pg-sink', 'pg-source'];

let dir = '';
let runId = '';

/** The command as a person types it. */
async function lab(...args: string[]) {
  const all = [...args, '--dir', dir];
  return execa(join(PROJECT_DIR, 'bin/cdc-lab'), all, { reject: false, cwd: PROJECT_DIR });
}

async function well(...args: string[]): Promise<unknown> {
  const { stdout, stderr, exitCode } = await lab(...args, '--json');
  expect(exitCode, `${stderr}\n${stdout}`).toBe(0);
  return JSON.parse(stdout);
}

const status = async () => reportSchema.parse(await well('status', '--deadline', '240'));

/** Running containers with their ids and start times: equal lists mean that nothing was recreated or restarted. */
async function running(): Promise<string[]> {
  const docker = await connectEngine();
  const listed = await docker.listContainers({ filters: ofRun(runId) });
  const details = await Promise.all(listed.map(({ Id }) => docker.getContainer(Id).inspect()));
  return details.map(({ Name, Id, State }) => `${Name} ${Id} ${State.StartedAt}`).sort();
}

/** The properties file of the Connect worker in a container. */
async function propertiesIn(service: string): Promise<Record<string, string>> {
  const project = ['compose', '--env-file', join(dir, 'compose.env'), '--project-name', `cdc-lab-${runId}`];
  const show = ['exec', '-T', service, 'cat', '/kafka/config/connect-distributed.properties'];
  const { stdout } = await execa('docker', [...project, ...show], { cwd: PROJECT_DIR });
  const lines = stdout.matchAll(/^([a-z.]+)=(.*)$/gm);
  return Object.fromEntries([...lines].map(([, key, value]) => [key, value]));
}

/** The end of each Connect cluster's config topic, which grows with every configuration that it gets. */
async function configurations(): Promise<Record<string, string | undefined>> {
  const port = new RunFile(dir).read()?.ports.kafkaClient;
  const brokers = [`127.0.0.1:${port}`];
  const admin = quietKafka({ brokers }).admin();
  await admin.connect();
  try {
    const topics = ['connect-configs-lab-capture', 'connect-configs-lab-sink'];
    const ends = topics.map(async (topic) => [topic, (await admin.fetchTopicOffsets(topic))[0]?.high]);
    return Object.fromEntries(await Promise.all(ends));
  } finally {
    await admin.disconnect();
  }
}

beforeAll(async () => {
  dir = join(await mkdtemp(join(tmpdir(), 'cdc-lab-docker-engines-')), 'lab');
});

afterAll(async () => {
  await lab('clean');
  await rm(join(dir, '..'), { recursive: true, force: true });
}, 120_000);

describe.runIf(image !== '')(`cdc-lab up --source debezium --sink jdbc, on ${image}`, () => {
  /** Services and addresses that the first `up` reported. */
  let first: unknown;

  it('brings up each half on its own Connect worker, and no worker of ours', {
    timeout: UP_MS,
  }, async () => {
    const engines = ['--source', 'debezium', '--sink', 'jdbc'];
    first = await well('up', '--runtime', 'docker', ...engines, '--rate', '5');
    runId = new RunFile(dir).read()?.runId ?? '';
    const names = [...PIPELINE, ...SERVERS, 'workload@lab'].sort();
    expect(first).toMatchObject({ services: names.map((name) => ({ name, state: 'running' })) });
    const images = (await (await connectEngine()).listContainers({ filters: ofRun(runId) })).map(
      (container) => container.Image,
    );
    expect(images.filter((name) => name === image)).toHaveLength(2);
  });

  it.each([
    ['connect-source', 'lab-capture'],
    ['connect-sink', 'lab-sink'],
  ])('gives %s the properties that a worker of the process runtime gets', async (service, cluster) => {
    const wanted = workerProperties({ bootstrapServers: ['kafka:9092'], cluster });
    expect(await propertiesIn(service)).toMatchObject(wanted);
  });

  it('shows by status, connectors and lag that nothing is lost', { timeout: STATUS_MS }, async () => {
    const { coverage, tables } = await status();
    expect(coverage).toBe(1);
    expect(tables).toHaveLength(4);
    const isWell = { connector: { state: 'RUNNING' }, tasks: [{ state: 'RUNNING' }] };
    const connectors = [
      { name: 'lab-source', ...isWell },
      { name: 'lab-sink', ...isWell },
    ];
    expect(await well('connectors')).toMatchObject({ connectors });
    expect(await well('lag')).toMatchObject({ consumerGroup: 'connect-lab-sink' });
  });

  it('changes nothing when it is run once more', { timeout: UP_MS }, async () => {
    const before = [await running(), await configurations()];
    expect(await well('up', '--rate', '5')).toEqual(first);
    expect([await running(), await configurations()]).toEqual(before);
  });

  it('is refused with other engines, and the existing pipeline is left alone', async () => {
    const before = await running();
    const { exitCode, stderr } = await lab('up', '--source', 'debezium', '--sink', 'ts');
    expect(exitCode).toBe(69);
    expect(stderr).toContain('runs debezium → jdbc, not debezium → ts. [CDC-5144]');
    expect(stderr).toContain('cdc-lab clean');
    expect(await running()).toEqual(before);
  });

  it('loses nothing when the capture is killed, and resends what it had not stored', {
    timeout: UP_MS,
  }, async () => {
    const { stdout, stderr, exitCode } = await lab('trigger', 'restart', '--json');
    expect(exitCode, stderr).toBe(0);
    expect(stdout).toContain('"exitCode": 137');
    const { verdict, deliveries } = await status();
    expect(verdict).toMatch(/^(?:PASS|WARN)$/);
    expect(deliveries?.duplicatesDelivered).toBeGreaterThan(0);
  });

  it('keeps what it remembers when stopped, and continues at the same addresses', {
    timeout: UP_MS,
  }, async () => {
    const before = await configurations();
    expect(await well('down')).toMatchObject({ stopped: expect.any(Array) });
    expect(await running()).toEqual([]);
    const again = await well('up', '--rate', '5');
    expect(portsOf(again)).toEqual(portsOf(first));
    expect(await configurations()).toEqual(before);
    expect((await status()).coverage).toBe(1);
  });

  it('is removed by clean, with its Connect workers', { timeout: 120_000 }, async () => {
    expect((await lab('clean')).exitCode).toBe(0);
    expect(await leftOf(await connectEngine(), labelOfRun(runId))).toEqual([]);
  });
});

function portsOf(answer: unknown): Record<string, number> {
  const { services } = answer as { services: { name: string; port: number }[] };
  return Object.fromEntries(services.map(({ name, port }) => [name, port]));
}
