import { Admin, Consumer, findErrorBy, Producer, type ProducerOptions } from '@platformatic/kafka';

/** For records one by one; change events go through `IdempotentProducer`. */
export type RecordProducer = Producer<Buffer, Buffer, Buffer, Buffer>;
export interface KafkaAddress {
  readonly bootstrapServers: readonly string[];
  readonly clientId: string;
  readonly requestTimeoutMs: number;
}

/**
 * Retries inside one request, with the same sequence numbers: idempotent, so neither doubled nor reordered.
 */
export const RETRIES = 2;
export const RETRY_DELAY_MS = 250;

/**
 * An idempotent producer with `acks=all`. It is not used again after its first failure.
 * One request is in flight on a connection, so one per partition.
 */
export function createProducer(address: KafkaAddress): RecordProducer {
  const options: ProducerOptions<Buffer, Buffer, Buffer, Buffer> = {
    ...baseOptions(address),
    idempotent: true,
    acks: -1,
    retries: RETRIES,
    // A stale leader is looked up anew by the retry.
    repeatOnStaleMetadata: true,
    autocreateTopics: false,
  };
  return new Producer(options);
}

export function createAdmin(address: KafkaAddress): Admin {
  return new Admin(baseOptions(address));
}

/** For single fetches: it never joins its group. */
export function createFetcher(address: KafkaAddress): Consumer<Buffer, Buffer, Buffer, Buffer> {
  return new Consumer({ ...baseOptions(address), groupId: `${address.clientId}-never-joined` });
}

/** What every client of the library is given. */
export function baseOptions(address: KafkaAddress) {
  return {
    clientId: address.clientId.replaceAll(/[^A-Za-z0-9._-]/g, '-'),
    bootstrapBrokers: [...address.bootstrapServers],
    timeout: address.requestTimeoutMs,
    connectTimeout: Math.min(address.requestTimeoutMs, 5_000),
    retries: RETRIES,
    retryDelay: RETRY_DELAY_MS,
  };
}

/** Closes a client of the library within two seconds; what it still had to say is not waited for. */
export async function closeClient(client: { close(): Promise<void> } | undefined): Promise<void> {
  if (client === undefined) return;
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, 2_000);
  });
  try {
    await Promise.race([client.close(), deadline]);
  } catch {
    // It is discarded because it is broken; its connections close with it.
  } finally {
    clearTimeout(timer);
  }
}

/** Kafka's own names of errors that another attempt does not cure. */
const PERMANENT = [
  'MESSAGE_TOO_LARGE',
  'RECORD_LIST_TOO_LARGE',
  'INVALID_RECORD',
  'INVALID_TOPIC_EXCEPTION',
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

/** The name of the error that makes it pointless to try again; undefined where it is worth it. */
export function permanentKafkaError(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  if (findErrorBy(error, 'code', 'PLT_KFK_AUTHENTICATION')) return 'SASL_AUTHENTICATION_FAILED';
  return PERMANENT.find((name) => findErrorBy(error, 'apiId', name) !== null);
}

export function isKafkaError(error: unknown): boolean {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' && code.startsWith('PLT_KFK_');
}

/** True where creating a topic found that it exists: somebody else was faster. */
export function topicExists(error: unknown): boolean {
  return error instanceof Error && findErrorBy(error, 'apiId', 'TOPIC_ALREADY_EXISTS') !== null;
}
