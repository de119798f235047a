import type { KafkaConfig, SASLOptions } from 'kafkajs';
import { z } from 'zod';
import { LabError, messageOf } from '../../pipeline/contract/errors.ts';
import { unreachable } from '../../pipeline/contract/unreachable.ts';
import { plainTextProblem } from './http.ts';
import { pemFile } from './pem.ts';
import { probePort } from './refusal.ts';
import { type Sasl, saslSchema } from './sasl.ts';
import { withSecrets } from './secret.ts';
import { bearerToken } from './token.ts';

const fileSchema = z.string().min(1);

/** Certificates as PEM files. An empty object means TLS with the authorities that Node.js trusts. */
export const tlsSchema = z.strictObject({
  /** Authorities that may have signed the broker's certificate; null: those that Node.js trusts. */
  ca: fileSchema.nullable().default(null),
  /** Certificate and key of the client, for mutual TLS. */
  cert: fileSchema.nullable().default(null),
  key: fileSchema.nullable().default(null),
});

export const kafkaSchema = z
  .strictObject({
    bootstrapServers: z.array(z.string().min(1)).min(1),
    /** Null: unencrypted. */
    tls: tlsSchema.nullable().default(null),
    sasl: saslSchema.nullable().default(null),
  })
  .superRefine(({ tls, sasl }, context) => {
    const refuse = (path: string[], message: string): void =>
      context.addIssue({ code: 'custom', path, message });
    if (tls !== null && (tls.cert === null) !== (tls.key === null)) {
      refuse(['tls'], 'cert and key go together: mutual TLS needs both');
    }
    if (sasl === null) return;
    if (tls === null && !sasl.mechanism.startsWith('SCRAM')) {
      refuse(['sasl'], `${sasl.mechanism} sends the secret unencrypted: configure tls`);
    }
    if (sasl.mechanism !== 'OAUTHBEARER') return;
    const hasEndpoint = sasl.tokenUrl !== null && sasl.clientId !== null && sasl.clientSecret !== null;
    if ((sasl.token === null) !== hasEndpoint) {
      refuse(['sasl'], 'OAUTHBEARER needs either token, or tokenUrl with clientId and clientSecret');
    }
    const problem = hasEndpoint ? plainTextProblem(sasl.tokenUrl ?? '', 'clientSecret') : null;
    if (problem !== null) refuse(['sasl', 'tokenUrl'], problem);
  });
export type KafkaConnection = z.infer<typeof kafkaSchema>;

/** A connection without TLS and without a login. */
export function plainKafka(bootstrapServers: readonly string[]): KafkaConnection {
  return { bootstrapServers: [...bootstrapServers], tls: null, sasl: null };
}

/**
 * The options of kafkajs for a connection.
 * @throws LabError if a certificate cannot be read, or a secret is absent.
 */
export function kafkaOptions(
  connection: KafkaConnection,
): Required<Pick<KafkaConfig, 'brokers'>> & Pick<KafkaConfig, 'ssl' | 'sasl'> {
  const { bootstrapServers, tls, sasl } = connection;
  return {
    brokers: [...bootstrapServers],
    ...(tls === null ? {} : { ssl: tlsFiles(tls) }),
    ...(sasl === null ? {} : { sasl: saslOptions(sasl) }),
  };
}

/** Contents of the files, as `tls.connect` takes them. The server's name is always verified. */
export function tlsFiles(tls: z.infer<typeof tlsSchema>): { ca?: string; cert?: string; key?: string } {
  const { ca, cert, key } = tls;
  return {
    ...(ca === null ? {} : { ca: pemFile(ca) }),
    ...(cert === null ? {} : { cert: pemFile(cert) }),
    ...(key === null ? {} : { key: pemFile(key) }),
  };
}

function saslOptions(sasl: Sasl): SASLOptions {
  if (sasl.mechanism === 'OAUTHBEARER') {
    const oauthBearerProvider = async () => ({ value: await bearerToken(sasl) });
    return { mechanism: 'oauthbearer', oauthBearerProvider };
  }
  const { username } = sasl;
  const secret = withSecrets(sasl.password, 'kafka.sasl.password');
  switch (sasl.mechanism) {
    case 'PLAIN':
      return { mechanism: 'plain', username, password: secret };
    case 'SCRAM-SHA-256':
      return { mechanism: 'scram-sha-256', username, password: secret };
    case 'SCRAM-SHA-512':
      return { mechanism: 'scram-sha-512', username, password: secret };
    default:
      return unreachable(sasl, 'SASL mechanism');
  }
}

/**
 * CDC-4020 with the reason. For many refusals kafkajs says only that a connection was closed: then the broker's port is
 * probed for the reason.
 */
export async function kafkaRefused(
  { bootstrapServers, tls, sasl }: KafkaConnection,
  cause: unknown,
): Promise<Error> {
  if (cause instanceof LabError) return cause;
  const [address = ''] = bootstrapServers;
  const said = messageOf(cause);
  const probed = await probePort(address, tls === null ? null : tlsFiles(tls));
  const isLogin = sasl !== null && (probed === 'answers' || /SASL|authentication/i.test(said));
  const login = {
    why: `it refuses the login by ${sasl?.mechanism} (${said})`,
    remedy: 'Correct mechanism, name and password in kafka.sasl.',
  };
  const unknown = {
    why: said,
    remedy: 'Check that the broker is running and reachable from this machine, then try again.',
  };
  const { why, remedy } = typeof probed === 'object' ? probed : isLogin ? login : unknown;
  return new LabError('CDC-4020', `Kafka at ${address} cannot be reached: ${why}.`, { remedy, cause });
}
