import { createHash } from 'node:crypto';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { execa } from 'execa';
import { LabError } from '../../../pipeline/contract/errors.ts';
import { PROJECT_DIR } from '../../project.ts';
import {
  type ClusterMember,
  type KafkaPorts,
  kafkaUuid,
  serverProperties,
} from '../instance/kafka-properties.ts';
import type { ServiceSpec } from '../services/service-spec.ts';

const CACHE = join(PROJECT_DIR, '.cache');
const JARS = join(CACHE, 'kafka-libs');
/** Made by `make setup` with -XX:ArchiveClassesAtExit: halves the time to start. */
export const CLASS_ARCHIVE = join(CACHE, 'kafka.jsa');

/**
 * The broker's storage, relative to its data folder, in which it runs: `log.dirs` is a list, and a folder's name may
 * contain what separates it.
 */
const STORAGE = 'log';
/** Java decodes paths by the locale, and in the POSIX locale loses what is not ASCII. */
export const PATHS_IN_UTF8 = { LC_ALL: 'C.UTF-8' } as const;

export interface KafkaOptions {
  readonly name: string;
  readonly dataDir: string;
  readonly log: string;
  readonly ports: KafkaPorts;
  /** Set if there are several brokers. */
  readonly member?: ClusterMember;
}

/**
 * Formats the storage unless that has been done, and returns how to start the broker on it: KRaft, broker and
 * controller in one process.
 *
 * @throws LabError if the jars or Java are missing.
 */
export async function prepareKafka(options: KafkaOptions): Promise<ServiceSpec> {
  const classPath = kafkaClassPath();
  mkdirSync(options.dataDir, { recursive: true });
  const properties = join(options.dataDir, 'server.properties');
  writeFileSync(properties, serverProperties(options.ports, STORAGE, options.member));
  const storage = join(options.dataDir, STORAGE);
  if (!existsSync(join(storage, 'meta.properties'))) await format(options, properties, storage, classPath);
  return {
    name: options.name,
    kind: 'kafka',
    command: 'java',
    args: [...brokerFlags(), temporaryIn(options.dataDir), '-cp', classPath, 'kafka.Kafka', properties],
    cwd: options.dataDir,
    env: { ...PATHS_IN_UTF8 },
    wantsPassword: false,
    uid: null,
    port: options.ports.client,
    log: options.log,
    probe: {
      tag: 'kafka',
      port: options.ports.client,
      ...(options.member === undefined ? {} : { nodeId: options.member.nodeId }),
    },
    readyTimeoutMs: 90_000,
    stopSignals: [{ signal: 'SIGTERM', waitMs: 15_000 }],
  };
}

/** Flags of the JVM: a small heap and a quick start matter here, not peak throughput. */
export function brokerFlags(): string[] {
  const archive = existsSync(CLASS_ARCHIVE) ? [`-XX:SharedArchiveFile=${CLASS_ARCHIVE}`, '-Xshare:auto'] : [];
  return [
    ...['-Xmx256m', '-Xms64m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-XX:+ExitOnOutOfMemoryError'],
    ...archive,
    `-Dlog4j2.configurationFile=${log4jFile('kafka-log4j2.xml')}`,
  ];
}

/** As a URL: of a path, Log4j takes `%` and `#` for a URL's. @param name In this folder. */
export function log4jFile(name: string): string {
  return pathToFileURL(join(PROJECT_DIR, 'harness/lab/process', name)).href;
}

/**
 * Compressors unpack native code from their jars. A killed JVM leaves it behind, so it goes where `clean` removes
 * it.
 */
export function temporaryIn(dir: string): string {
  return `-Djava.io.tmpdir=${dir}`;
}

/** The jars in a fixed order: an archive of classes is valid for exactly one class path. */
export function kafkaClassPath(): string {
  if (PROJECT_DIR.includes(':')) {
    throw new LabError('CDC-5154', `Java's class path cannot hold the project's folder ${PROJECT_DIR}.`, {
      remedy: 'Move the project to a folder without a colon in its name.',
    });
  }
  const jars = existsSync(JARS) ? readdirSync(JARS).filter((file) => file.endsWith('.jar')) : [];
  if (jars.length === 0) {
    throw new LabError('CDC-5108', `Kafka's jars are not in ${JARS}.`, { remedy: 'Run `make setup`.' });
  }
  return jars
    .sort()
    .map((jar) => join(JARS, jar))
    .join(':');
}

/**
 * Runs Kafka's own formatter in another folder and moves the result into place: a crash leaves nothing half
 * formatted.
 */
async function format(
  options: KafkaOptions,
  properties: string,
  storage: string,
  classPath: string,
): Promise<void> {
  rmSync(storage, { recursive: true, force: true });
  const template = join(CACHE, `kafka-formatted-${templateKey(classPath)}`);
  if (!existsSync(join(template, 'meta.properties'))) {
    const made = join(options.dataDir, 'formatted');
    rmSync(made, { recursive: true, force: true });
    const propertiesOfTemplate = join(options.dataDir, 'format.properties');
    writeFileSync(
      propertiesOfTemplate,
      readFileSync(properties, 'utf8').replace(/^log\.dirs=.*$/m, 'log.dirs=formatted'),
    );
    await runFormatter(propertiesOfTemplate, classPath, options.dataDir);
    rmSync(propertiesOfTemplate);
    const fresh = `${template}.${process.pid}`;
    cpSync(made, fresh, { recursive: true });
    if (!existsSync(template)) renameSync(fresh, template);
    for (const left of [fresh, made]) rmSync(left, { recursive: true, force: true });
  }
  const fresh = `${storage}.fresh`;
  rmSync(fresh, { recursive: true, force: true });
  cpSync(template, fresh, { recursive: true });
  // Only cluster id, directory id and node id differ from broker to broker.
  const meta = join(fresh, 'meta.properties');
  const text = readFileSync(meta, 'utf8')
    .replace(/^cluster\.id=.*$/m, `cluster.id=${options.member?.clusterId ?? kafkaUuid()}`)
    .replace(/^node\.id=.*$/m, `node.id=${options.member?.nodeId ?? 1}`)
    .replace(/^directory\.id=.*$/m, `directory.id=${kafkaUuid()}`);
  writeFileSync(meta, text);
  renameSync(fresh, storage);
}

async function runFormatter(properties: string, classPath: string, cwd: string): Promise<void> {
  const args = [
    '-Xshare:auto',
    '-XX:TieredStopAtLevel=1',
    '-cp',
    classPath,
    'kafka.tools.StorageTool',
    'format',
  ];
  const result = await execa('java', [...args, '-t', kafkaUuid(), '-c', properties], {
    reject: false,
    all: true,
    cwd,
    env: PATHS_IN_UTF8,
  });
  if (result.exitCode === 0) return;
  if (result.code === 'ENOENT') {
    throw new LabError('CDC-5109', 'Java is not installed: Kafka needs Java 17 or newer.', {
      remedy: 'Install it (Debian: `apt-get install openjdk-17-jre-headless`), then run `make setup`.',
    });
  }
  const output = (result.all ?? '').trim().split('\n').slice(-5).join('\n');
  throw new LabError('CDC-5110', `Kafka's storage could not be formatted: ${output}`, {
    remedy: 'Check that the disk has room and that `java -version` says 17 or newer.',
  });
}

function templateKey(classPath: string): string {
  return createHash('sha256').update(classPath).digest('hex').slice(0, 12);
}
