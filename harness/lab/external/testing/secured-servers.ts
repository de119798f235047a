import { appendFileSync, chownSync, copyFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import pg from 'pg';
import { kafkaUuid } from '../../instance/kafka-properties.ts';
import { kafkaClassPath, prepareKafka } from '../../process/kafka-service.ts';
import { preparePostgres } from '../../process/postgres-service.ts';
import { type TemporaryLab, temporaryLab } from '../../process/testing/temporary-lab.ts';
import { freePorts } from '../../services/ports.ts';
import { type Certificate, type Certificates, makeCertificates } from './certificates.ts';

/** The password of every login. */
export const PASSWORD = 'correct horse';

export interface SecuredPostgres {
  readonly port: number;
  /** Gives it another certificate, from the next connection on. */
  useCertificate(certificate: Certificate): Promise<void>;
  /** `ssl = off`, from the next connection on. */
  withoutTls(): Promise<void>;
}

export interface SecuredKafka {
  /** SASL_SSL: PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 (user `alice`), OAUTHBEARER (unsigned tokens). */
  readonly secure: string;
  /** TLS that asks for a client's certificate. */
  readonly mutual: string;
  /** TLS with an expired certificate. */
  readonly expired: string;
  readonly plain: string;
}

/** A folder for the servers of a target. */
export function foreignLab(): TemporaryLab {
  return temporaryLab();
}

export function certificatesIn(lab: TemporaryLab): Promise<Certificates> {
  return makeCertificates(join(lab.dir, 'certificates'));
}

/**
 * PostgreSQL with `ssl = on` and logins by SCRAM. Role `tls_only` may connect only over TLS; role `lab` is
 * identified by its certificate. The superuser's password is `secret`, as the temporary lab's.
 */
export async function startPostgres(
  lab: TemporaryLab,
  certificates: Certificates,
  name = 'pg-secured',
): Promise<SecuredPostgres> {
  const [port = 0] = await freePorts(1);
  const dataDir = join(lab.dir, name);
  const log = join(lab.dir, `${name}.log`);
  const spec = await preparePostgres({ name, stateDir: lab.dir, port, password: 'secret', dataDir, log });
  const give = (certificate: Certificate): void => {
    for (const [from, to] of [
      [certificate.cert, 'server.crt'],
      [certificate.key, 'server.key'],
      [certificates.ca, 'ca.crt'],
    ] as const) {
      const file = join(dataDir, to);
      copyFileSync(from, file);
      if (spec.uid !== null) chownSync(file, spec.uid, spec.uid);
    }
  };
  give(certificates.server);
  appendFileSync(join(dataDir, 'postgresql.conf'), `\nssl = on\nssl_ca_file = 'ca.crt'\n`);
  const hba = join(dataDir, 'pg_hba.conf');
  const rules = 'hostnossl all tls_only all reject\nhostssl all lab all cert\n';
  writeFileSync(hba, rules + readFileSync(hba, 'utf8'));
  await lab.runtime.launch(spec);
  const run = (sql: string): Promise<void> => asSuperuser(port, sql);
  await run(`CREATE ROLE tls_only LOGIN PASSWORD '${PASSWORD}'; CREATE ROLE lab LOGIN`);
  return {
    port,
    useCertificate: async (certificate) => {
      give(certificate);
      await run('SELECT pg_reload_conf()');
    },
    withoutTls: async () => {
      await run('ALTER SYSTEM SET ssl = off');
      await run('SELECT pg_reload_conf()');
    },
  };
}

async function asSuperuser(port: number, sql: string): Promise<void> {
  const client = new pg.Client({ host: '127.0.0.1', port, user: 'postgres', password: 'secret' });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}

/** A broker with a listener for each kind of login. */
export async function startKafka(lab: TemporaryLab, certificates: Certificates): Promise<SecuredKafka> {
  const name = 'kafka-secured';
  const ports = await freePorts(7);
  const [client = 0, link = 0, linkAdvertised = 0, controller = 0, ...secured] = ports;
  const dataDir = join(lab.dir, name);
  const plainPorts = { client, link, linkAdvertised, controller };
  const spec = await prepareKafka({ name, dataDir, log: join(lab.dir, `${name}.log`), ports: plainPorts });
  const properties = join(dataDir, 'server.properties');
  const [secure = 0, mutual = 0, expired = 0] = secured;
  appendFileSync(
    properties,
    listeners({ client, controller, secure, mutual, expired }, dataDir, certificates),
  );
  await formatAgain(dataDir, properties);
  // With C1 alone the JVM does not use the processor's AES: TLS would take a second for each 4 MB.
  const args = spec.args.filter((arg) => arg !== '-XX:TieredStopAtLevel=1');
  await lab.runtime.launch({ ...spec, args });
  const at = (port: number): string => `127.0.0.1:${port}`;
  return { secure: at(secure), mutual: at(mutual), expired: at(expired), plain: at(client) };
}

/** The listeners' properties. Appended to the file, they override what precedes them. */
function listeners(
  ports: Readonly<Record<'client' | 'controller' | 'secure' | 'mutual' | 'expired', number>>,
  dir: string,
  certificates: Certificates,
): string {
  const names = ['CLIENT', 'SECURE', 'MUTUAL', 'EXPIRED'] as const;
  const addresses = names.map((name) => `${name}://127.0.0.1:${ports[name.toLowerCase() as 'client']}`);
  const store = (name: string, { cert, key }: Certificate): string => {
    const path = join(dir, `${name}.store.pem`);
    writeFileSync(path, readFileSync(key, 'utf8') + readFileSync(cert, 'utf8'));
    return `listener.name.${name}.ssl.keystore.type=PEM\nlistener.name.${name}.ssl.keystore.location=${path}\n`;
  };
  const login = 'org.apache.kafka.common.security';
  const jaas = (mechanism: string, module: string): string =>
    `listener.name.secure.${mechanism}.sasl.jaas.config=${login}.${module};\n`;
  return `
listeners=${addresses.join(',')},CONTROLLER://127.0.0.1:${ports.controller}
advertised.listeners=${addresses.join(',')}
listener.security.protocol.map=CLIENT:PLAINTEXT,SECURE:SASL_SSL,MUTUAL:SSL,EXPIRED:SSL,CONTROLLER:PLAINTEXT
${store('secure', certificates.server)}${store('mutual', certificates.server)}${store('expired', certificates.expired)}
listener.name.mutual.ssl.client.auth=required
listener.name.mutual.ssl.truststore.type=PEM
listener.name.mutual.ssl.truststore.location=${certificates.ca}
listener.name.secure.sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER
${jaas('plain', `plain.PlainLoginModule required user_alice="${PASSWORD}"`)}
${jaas('scram-sha-256', 'scram.ScramLoginModule required')}
${jaas('scram-sha-512', 'scram.ScramLoginModule required')}
${jaas('oauthbearer', 'oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="broker"')}
`;
}

/** Formats the storage again: SCRAM users are records in the cluster's metadata, written by the formatter. */
async function formatAgain(dataDir: string, properties: string): Promise<void> {
  rmSync(join(dataDir, 'log'), { recursive: true, force: true });
  const users = ['SCRAM-SHA-256', 'SCRAM-SHA-512'].flatMap((mechanism) => [
    '--add-scram',
    `${mechanism}=[name=alice,password=${PASSWORD}]`,
  ]);
  const java = ['-Xshare:auto', '-XX:TieredStopAtLevel=1', '-cp', kafkaClassPath()];
  const format = ['kafka.tools.StorageTool', 'format', '-t', kafkaUuid(), '-c', properties, ...users];
  await execa('java', [...java, ...format], { cwd: dataDir });
}
