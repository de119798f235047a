import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { quietKafka } from '../../verifier/connection/quiet-kafka.ts';
import { CLASS_ARCHIVE, kafkaClassPath, prepareKafka } from '../lab/process/kafka-service.ts';
import { freePorts } from '../lab/services/ports.ts';
import { archiveOf, fits } from './class-archive.ts';

/**
 * Runs a broker once and archives the classes that it loads (AppCDS), for `-XX:SharedArchiveFile`.
 * `-XX:+AutoCreateSharedArchive` would do that by itself, but Java 17 does not know the flag and refuses to start.
 *
 * @see https://docs.oracle.com/en/java/javase/17/vm/class-data-sharing.html
 */
async function archiveClasses(): Promise<void> {
  const dataDir = mkdtempSync(join(tmpdir(), 'cdc-lab-class-archive-'));
  try {
    const [client = 0, link = 0, linkAdvertised = 0, controller = 0] = await freePorts(4);
    const ports = { client, link, linkAdvertised, controller };
    const prepare = () => prepareKafka({ name: 'kafka', dataDir, log: '', ports });
    await archiveOf(prepare, CLASS_ARCHIVE, kafkaClassPath(), () => useOnce(client));
  } finally {
    rmSync(dataDir, { recursive: true, force: true });
  }
}

/** Uses topics and records, so that their classes are archived too. */
async function useOnce(port: number): Promise<void> {
  const kafka = quietKafka({ brokers: [`127.0.0.1:${port}`] });
  const admin = kafka.admin();
  const producer = kafka.producer();
  await Promise.all([admin.connect(), producer.connect()]);
  await admin.createTopics({ topics: [{ topic: 'warm-up', numPartitions: 1 }], waitForLeaders: true });
  await producer.send({ topic: 'warm-up', acks: -1, messages: [{ key: 'a', value: 'b' }] });
  await admin.deleteTopics({ topics: ['warm-up'] });
  await Promise.all([admin.disconnect(), producer.disconnect()]);
}

if (!(await fits(CLASS_ARCHIVE, kafkaClassPath()))) await archiveClasses();
