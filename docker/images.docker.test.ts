import pg from 'pg';
import { GenericContainer, type StartedTestContainer, Wait } from 'testcontainers';
import { describe, expect, inject, it } from 'vitest';
import { connectEngine } from '../harness/lab/docker/engine.ts';
import { freePorts } from '../harness/lab/services/ports.ts';
import { quietKafka } from '../verifier/connection/quiet-kafka.ts';

const images = inject('images');
const START_MS = 120_000;
const READY = 'database system is ready to accept connections';

async function query(
  server: StartedTestContainer,
  as: { user: string; password: string; database: string },
  sql: string,
) {
  const client = new pg.Client({ host: server.getHost(), port: server.getMappedPort(5432), ...as });
  await client.connect();
  try {
    return (await client.query(sql)).rows as unknown[];
  } finally {
    await client.end();
  }
}

describe(`the PostgreSQL image ${images.postgres}`, () => {
  it(
    'creates user, password and database from its environment, and runs the scripts in initdb.d',
    async () => {
      await using server = await new GenericContainer(images.postgres)
        .withEnvironment({ POSTGRES_USER: 'me', POSTGRES_PASSWORD: "it's mine", POSTGRES_DB: 'shop' })
        .withCopyContentToContainer([
          { content: 'CREATE TABLE wares AS SELECT 7 AS id;', target: '/docker-entrypoint-initdb.d/1.sql' },
        ])
        .withCommand(['postgres', '--wal-level=logical', '-c', 'max_replication_slots=9'])
        .withExposedPorts(5432)
        // First by the server that runs the scripts, then by the final one.
        .withWaitStrategy(Wait.forLogMessage(READY, 2))
        .withStartupTimeout(START_MS)
        .start();
      const me = { user: 'me', password: "it's mine", database: 'shop' };
      expect(await query(server, me, 'SELECT id FROM wares')).toEqual([{ id: 7 }]);
      const settings = `SELECT current_setting('wal_level') AS wal, current_setting('max_replication_slots') AS slots,
      current_setting('server_version_num')::int / 10000 AS major, current_setting('data_directory') AS data`;
      expect(await query(server, me, settings)).toEqual([
        { wal: 'logical', slots: '9', major: 18, data: '/var/lib/postgresql/18/docker' },
      ]);
      await expect(query(server, { ...me, password: 'yours' }, 'SELECT 1')).rejects.toMatchObject({
        code: '28P01',
      });
      const who = await server.exec(['sh', '-c', 'stat -c %U /proc/1']);
      expect(who.output.trim()).toBe('postgres');
    },
    START_MS,
  );

  it(
    'refuses to create a cluster without a password',
    async () => {
      const docker = await connectEngine();
      const container = await docker.createContainer({ Image: images.postgres });
      try {
        await container.start();
        const { StatusCode } = (await container.wait()) as { StatusCode: number };
        expect(StatusCode).toBe(1);
        const log = (await container.logs({ stdout: true, stderr: true, follow: false })).toString('utf8');
        expect(log).toContain('superuser password is not specified');
      } finally {
        await container.remove({ force: true, v: true });
      }
    },
    START_MS,
  );
});

describe(`the Kafka image ${images.kafka}`, () => {
  it(
    'turns its environment into broker properties',
    async () => {
      const [port = 0] = await freePorts(1);
      await using broker = await new GenericContainer(images.kafka)
        .withEnvironment({
          KAFKA_NODE_ID: '7',
          KAFKA_PROCESS_ROLES: 'broker,controller',
          KAFKA_CONTROLLER_QUORUM_VOTERS: '7@localhost:9093',
          KAFKA_LISTENERS: 'PLAINTEXT://:9092,CONTROLLER://localhost:9093',
          KAFKA_ADVERTISED_LISTENERS: `PLAINTEXT://127.0.0.1:${port}`,
          KAFKA_CONTROLLER_LISTENER_NAMES: 'CONTROLLER',
          KAFKA_LISTENER_SECURITY_PROTOCOL_MAP: 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
          KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR: '1',
          KAFKA_NUM_PARTITIONS: '3',
          KAFKA_HEAP_OPTS: '-Xmx256m',
        })
        .withExposedPorts({ container: 9092, host: port })
        .withWaitStrategy(Wait.forLogMessage(/Kafka Server started/))
        .withStartupTimeout(START_MS)
        .start();
      const admin = quietKafka({ brokers: [`127.0.0.1:${port}`] }).admin();
      await admin.connect();
      try {
        const { brokers } = await admin.describeCluster();
        expect(brokers).toEqual([{ nodeId: 7, host: '127.0.0.1', port }]);
        await admin.createTopics({ topics: [{ topic: 'three' }] });
        const { topics } = await admin.fetchTopicMetadata({ topics: ['three'] });
        expect(topics[0]?.partitions).toHaveLength(3);
      } finally {
        await admin.disconnect();
      }
      const who = await broker.exec(['sh', '-c', 'stat -c %U /proc/1']);
      expect(who.output.trim()).toBe('appuser');
    },
    START_MS,
  );
});

describe(`the lab's own image ${images.lab}`, () => {
  it(
    'runs unprivileged, has a health check, and contains only the program',
    async () => {
      const docker = await connectEngine();
      const { Config } = await docker.getImage(images.lab).inspect();
      expect(Config.User).toBe('1000:1000');
      expect(Config.Healthcheck?.Test).toEqual(['CMD', 'node', 'docker/health.mjs']);
      expect(Config.Entrypoint?.[0]).toBe('node');
      const words = JSON.stringify([Config.Env, await docker.getImage(images.lab).history()]);
      expect(words).not.toMatch(/PASSWORD|SECRET|TOKEN/i);
      const look = `find /app -path /app/node_modules -prune -o \\( -name '*.test.ts' -o -name .git -o -name .lab \\) -print;
      ls node_modules | grep -x -e vitest -e typescript -e testcontainers; du -sm /app | cut -f1; touch /app/x 2>&1`;
      const container = await docker.createContainer({
        Image: images.lab,
        Entrypoint: ['sh', '-c'],
        Cmd: [look],
        Tty: true,
      });
      try {
        await container.start();
        await container.wait();
        const said = (await container.logs({ stdout: true, stderr: true, follow: false }))
          .toString('utf8')
          .trim();
        const [megabytes, ...rest] = said.split(/\r?\n/);
        expect(Number(megabytes), said).toBeLessThan(150);
        expect(rest).toEqual([expect.stringContaining('Permission denied')]);
      } finally {
        await container.remove({ force: true, v: true });
      }
    },
    START_MS,
  );

  it(
    'runs a worker that answers, becomes healthy, and ends with 0 on SIGTERM',
    async () => {
      const file = {
        workerId: 'w',
        host: '0.0.0.0',
        port: 8083,
        names: ['127.0.0.1', 'localhost'],
        bootstrapServers: ['127.0.0.1:9'],
        stateDir: '/lab/w',
      };
      const started = await new GenericContainer(images.lab)
        .withCopyContentToContainer([{ content: JSON.stringify(file), target: '/lab/worker.json' }])
        .withCommand(['pipeline/worker/main.ts', '--config', '/lab/worker.json'])
        .withExposedPorts(8083)
        .withWaitStrategy(Wait.forHealthCheck())
        .withStartupTimeout(START_MS)
        .start();
      const docker = await connectEngine();
      const container = docker.getContainer(started.getId());
      try {
        const url = `http://127.0.0.1:${started.getMappedPort(8083)}/connectors`;
        expect(await (await fetch(url)).json()).toEqual([]);
        await container.stop({ t: 20 });
        expect((await container.inspect()).State.ExitCode).toBe(0);
      } finally {
        await container.remove({ force: true, v: true });
      }
    },
    START_MS,
  );
});
