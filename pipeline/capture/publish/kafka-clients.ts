import { Admin, Consumer, findErrorBy, Producer, type ProducerOptions } from '@platformatic/kafka';
import type { TaskContext } from '../../contract/connector.ts';
import type { SourceConfig } from '../config/source-config.ts';

/** For single records, such as positions; change events go through `IdempotentProducer`. */
export type RecordProducer = Producer<Buffer, Buffer, Buffer, Buffer>;

export interface KafkaAddress {
  readonly bootstrapServers: readonly string[];
  readonly clientId: string;
  readonly requestTimeoutMs: number;
}

/** Where the task's clients connect, under the client id that Kafka Connect gives a connector's producer. */
export function kafkaAddress(config: SourceConfig, context: TaskContext): KafkaAddress {
  return {
    bootstrapServers: context.bootstrapServers,
    // The library takes no blanks and the like, in client and group ids.
    clientId: `connector-producer-${config.name}-0`.replaceAll(/[^A-Za-z0-9._-]/g, '-'),
    requestTimeoutMs: config.producer.requestTimeoutMs,
  };
}

/** Retries of one request. They reuse its sequence numbers, so nothing is appended twice or out of order. */
export const RETRIES = 2;
export const RETRY_DELAY_MS = 250;

/**
 * An idempotent producer with `acks=all`. It must not be used after its first failure. One request at a time is
 * in flight on a connection, and so one per partition.
 */
export function createProducer(address: KafkaAddress): RecordProducer {
  const options: ProducerOptions<Buffer, Buffer, Buffer, Buffer> = {
    ...baseOptions(address),
    idempotent: true,
    acks: -1,
    retries: RETRIES,
    // The retry refreshes a stale leader.
    repeatOnStaleMetadata: true,
    autocreateTopics: false,
  };
  return new Producer(options);
}

export function createAdmin(address: KafkaAddress): Admin {
  return new Admin(baseOptions(address));
}

/** For single fetches; it never joins its group. */
export function createFetcher(address: KafkaAddress): Consumer<Buffer, Buffer, Buffer, Buffer> {
  return new Consumer({ ...baseOptions(address), groupId: `${address.clientId}-never-joined` });
}

/** Options that all clients share. */
export function baseOptions(address: KafkaAddress) {
  return {
    clientId: address.clientId,
    bootstrapBrokers: [...address.bootstrapServers],
    timeout: address.requestTimeoutMs,
    connectTimeout: Math.min(address.requestTimeoutMs, 5_000),
    retries: RETRIES,
    retryDelay: RETRY_DELAY_MS,
  };
}

/** Closes a client; gives up waiting after two seconds. */
export async function closeClient(client: { close(): Promise<void> } | undefined): Promise<void> {
  if (client === undefined) return;
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, 2_000);
  });
  try {
    await Promise.race([client.close(), deadline]);
  } catch {
    // A broken client is discarded; its connections close with it.
  } finally {
    clearTimeout(timer);
  }
}

const INVALID_TOPIC = 'INVALID_TOPIC_EXCEPTION';

/** Kafka's names of errors that no retry can cure. */
const PERMANENT = [
  'MESSAGE_TOO_LARGE',
  'RECORD_LIST_TOO_LARGE',
  'INVALID_RECORD',
  INVALID_TOPIC,
  'TOPIC_AUTHORIZATION_FAILED',
  'CLUSTER_AUTHORIZATION_FAILED',
  'TRANSACTIONAL_ID_AUTHORIZATION_FAILED',
  'UNSUPPORTED_FOR_MESSAGE_FORMAT',
  'UNSUPPORTED_COMPRESSION_TYPE',
  'INVALID_REPLICATION_FACTOR',
  'INVALID_PARTITIONS',
  'INVALID_CONFIG',
  'POLICY_VIOLATION',
  'SASL_AUTHENTICATION_FAILED',
];

/** Name of the error if a retry is pointless; undefined if it is worth trying. */
export function permanentKafkaError(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  if (findErrorBy(error, 'code', 'PLT_KFK_AUTHENTICATION')) return 'SASL_AUTHENTICATION_FAILED';
  return PERMANENT.find((name) => findErrorBy(error, 'apiId', name) !== null);
}

export function isKafkaError(error: unknown): boolean {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' && code.startsWith('PLT_KFK_');
}

/** True if creating a topic failed because another client created it first. */
export function topicExists(error: unknown): boolean {
  return error instanceof Error && findErrorBy(error, 'apiId', 'TOPIC_ALREADY_EXISTS') !== null;
}
