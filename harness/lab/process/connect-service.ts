import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { LabError } from '../../../pipeline/contract/errors.ts';
import { PROJECT_DIR } from '../../project.ts';
import {
  type ConnectJvm,
  type ConnectOptions,
  connectJvm,
  workerProperties,
} from '../instance/connect-worker.ts';
import { propertyValue } from '../instance/kafka-properties.ts';
import type { ServiceSpec } from '../services/service-spec.ts';
import { log4jFile, PATHS_IN_UTF8, temporaryIn } from './kafka-service.ts';

const ENGINES = join(PROJECT_DIR, '.cache', 'engines');
const CHECKSUMS = join(PROJECT_DIR, 'harness/setup/engines-jars.sha256');
/** Made by `harness/setup/engines.sh` with -XX:ArchiveClassesAtExit: a third less CPU time at each start. */
export const CONNECT_CLASS_ARCHIVE = join(PROJECT_DIR, '.cache', 'connect.jsa');

/**
 * Kafka Connect in distributed mode, one worker, with Debezium's two connectors on an isolated `plugin.path`.
 * Its connectors refer to the password as `${env:PGPASSWORD}`.
 *
 * @throws LabError CDC-5140 if the jars are missing: see {@link enginesReady}.
 */
export function prepareConnect(options: ConnectOptions): ServiceSpec {
  const classPath = connectClassPath();
  mkdirSync(options.dataDir, { recursive: true });
  const properties = join(options.dataDir, 'connect.properties');
  const lines = Object.entries(propertiesOf(options)).map(
    ([key, value]) => `${key}=${propertyValue(value)}\n`,
  );
  writeFileSync(properties, `# Written by cdc-lab.\n${lines.join('')}`);
  return {
    name: options.name,
    kind: 'worker',
    command: 'java',
    args: [
      ...jvmFlags(options.jvm),
      temporaryIn(options.dataDir),
      `-Dlog4j2.configurationFile=${log4jFile('connect-log4j2.xml')}`,
      '-cp',
      classPath,
      'org.apache.kafka.connect.cli.ConnectDistributed',
      properties,
    ],
    cwd: options.dataDir,
    env: { ...PATHS_IN_UTF8, TZ: 'UTC' },
    wantsPassword: true,
    uid: null,
    port: options.port,
    log: options.log,
    probe: { tag: 'http', port: options.port, path: '/', anyStatus: false },
    readyTimeoutMs: 120_000,
    stopSignals: [{ signal: 'SIGTERM', waitMs: 20_000 }],
  };
}

/** All of the worker's properties: those of every runtime, and this one's addresses and paths. */
function propertiesOf(options: ConnectOptions): Record<string, string> {
  const place = {
    listeners: `http://127.0.0.1:${options.port}`,
    'rest.advertised.host.name': '127.0.0.1',
    'plugin.path': join(ENGINES, 'plugins'),
  };
  return workerProperties({ ...options, properties: { ...place, ...options.properties } });
}

function jvmFlags(jvm: ConnectJvm | undefined): string[] {
  if (!existsSync(CONNECT_CLASS_ARCHIVE)) return connectJvm(jvm);
  return [...connectJvm(jvm), `-XX:SharedArchiveFile=${CONNECT_CLASS_ARCHIVE}`, '-Xshare:auto'];
}

/** Whether the jars are there and were verified against the current checksums. */
export function enginesReady(): boolean {
  try {
    const verified = readFileSync(join(ENGINES, 'verified'), 'utf8');
    return verified === createHash('sha256').update(readFileSync(CHECKSUMS)).digest('hex');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}

/** In a fixed order: an archive of classes is valid for exactly one class path. */
export function connectClassPath(): string {
  if (!enginesReady()) {
    throw new LabError('CDC-5140', `The jars of Kafka Connect and Debezium are not in ${ENGINES}.`, {
      remedy: 'Run `make setup ENGINES=all`.',
    });
  }
  const folder = join(ENGINES, 'connect');
  return readdirSync(folder)
    .sort()
    .map((jar) => join(folder, jar))
    .join(':');
}
