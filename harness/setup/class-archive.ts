import { existsSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { Kafka, logLevel } from 'kafkajs';
import { CLASS_ARCHIVE, kafkaClassPath, prepareKafka } from '../runtimes/process/kafka.ts';
import { freePorts } from '../runtimes/process/ports.ts';
import { probe } from '../runtimes/process/probes.ts';
import { waitUntil } from '../runtimes/wait.ts';

/**
 * Runs a broker once and lets the JVM archive the classes it loaded (AppCDS), for `-XX:SharedArchiveFile`.
 * `-XX:+AutoCreateSharedArchive` would do it by itself, but Java 17 does not know it and refuses to start.
 *
 * @see https://docs.oracle.com/en/java/javase/17/vm/class-data-sharing.html
 */
async function archiveClasses(): Promise<void> {
  if (existsSync(CLASS_ARCHIVE) && (await isValid(CLASS_ARCHIVE))) return;
  rmSync(CLASS_ARCHIVE, { force: true });
  const dataDir = mkdtempSync(join(tmpdir(), 'cdc-lab-class-archive-'));
  const fresh = `${CLASS_ARCHIVE}.${process.pid}`;
  try {
    const [client = 0, link = 0, linkAdvertised = 0, controller = 0] = await freePorts(4);
    const ports = { client, link, linkAdvertised, controller };
    const spec = await prepareKafka({ name: 'kafka', dataDir, log: '', ports });
    const broker = execa(spec.command, [`-XX:ArchiveClassesAtExit=${fresh}`, ...spec.args], {
      cwd: spec.cwd,
      stdio: ['ignore', 'inherit', 'inherit'],
      reject: false,
      forceKillAfterDelay: 60_000,
    });
    await useOnce(client, broker.pid);
    broker.kill('SIGTERM');
    await broker;
    if (!(await isValid(fresh))) throw new Error('the JVM does not take the archive that it wrote');
    renameSync(fresh, CLASS_ARCHIVE);
  } finally {
    rmSync(fresh, { force: true });
    rmSync(dataDir, { recursive: true, force: true });
  }
}

/** Also the classes behind topics and records are worth having. */
async function useOnce(port: number, pid: number | undefined): Promise<void> {
  const ready = await waitUntil(
    async () => ((await probe({ tag: 'kafka', port }, '', 2_000)).ok ? true : undefined),
    { timeoutMs: 60_000, pauseMs: 100 },
  );
  if (ready === undefined) throw new Error(`the broker (pid ${pid}) did not answer`);
  const kafka = new Kafka({ brokers: [`127.0.0.1:${port}`], logLevel: logLevel.NOTHING });
  const admin = kafka.admin();
  const producer = kafka.producer();
  await Promise.all([admin.connect(), producer.connect()]);
  await admin.createTopics({ topics: [{ topic: 'warm-up', numPartitions: 1 }], waitForLeaders: true });
  await producer.send({ topic: 'warm-up', acks: -1, messages: [{ key: 'a', value: 'b' }] });
  await admin.deleteTopics({ topics: ['warm-up'] });
  await Promise.all([admin.disconnect(), producer.disconnect()]);
}

async function isValid(archive: string): Promise<boolean> {
  const flags = ['-XX:+UseSerialGC', `-XX:SharedArchiveFile=${archive}`, '-Xshare:on'];
  const result = await execa('java', [...flags, '-cp', kafkaClassPath(), '-version'], { reject: false });
  return result.exitCode === 0;
}

await archiveClasses();
