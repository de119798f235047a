import { z } from 'zod';
import { plainTextProblem } from '../../../verifier/connection/http.ts';
import { kafkaSchema } from '../../../verifier/connection/kafka.ts';
import { isBaseUrl } from '../../../verifier/connection/postgres-url.ts';
import { secretSchema } from '../../../verifier/connection/secret.ts';
import { QUALIFIED_NAME } from '../../../verifier/table-id.ts';
import { SINK_ENGINES, SOURCE_ENGINES } from '../engines.ts';

const name = z.string().min(1);
const file = z.string().min(1);
const table = z.string().regex(QUALIFIED_NAME, 'a table is written as schema.table');
/** A URL without a login, which goes into `username` and `password`. */
const webUrl = z
  .url({ protocol: /^https?$/, error: 'must be a URL of http or https', abort: true })
  .refine((text) => new URL(text).username === '' && new URL(text).password === '', {
    error: 'a URL holds no login here: write username and password beside it',
  })
  .refine(isBaseUrl, 'a base URL has no query part and no fragment');

/** libpq's values, without `prefer` and `allow`, which fall back to plain text. */
const SSL_MODES = ['disable', 'require', 'verify-ca', 'verify-full'] as const;

const postgresShape = {
  host: name,
  port: z.int().min(1).max(65_535).default(5432),
  database: name,
  user: name,
  /** Null: PGPASSWORD is used, if the server asks for a password. */
  password: secretSchema.nullable().default(null),
  sslmode: z.enum(SSL_MODES).default('verify-full'),
  sslrootcert: file.nullable().default(null),
  sslcert: file.nullable().default(null),
  sslkey: file.nullable().default(null),
};

/** Rules between the keys of one PostgreSQL. */
function checkTls(
  { sslmode, sslrootcert, sslcert, sslkey }: z.infer<z.ZodObject<typeof postgresShape>>,
  context: z.core.$RefinementCtx,
): void {
  const refuse = (key: string, message: string): void =>
    void context.addIssue({ code: 'custom', path: [key], message });
  if ((sslcert === null) !== (sslkey === null)) {
    refuse(sslcert === null ? 'sslcert' : 'sslkey', 'sslcert and sslkey go together');
  }
  if (sslmode === 'verify-ca' && sslrootcert === null) {
    refuse('sslrootcert', 'verify-ca needs the authority to check against');
  }
  const unused = sslmode === 'disable' && (sslrootcert ?? sslcert) !== null;
  if (unused) refuse('sslmode', 'disable goes with no certificate: it would not be checked');
}

const httpShape = {
  url: webUrl,
  username: name.nullable().default(null),
  password: secretSchema.nullable().default(null),
  /** Authorities that may have signed the server's certificate; null: those that Node.js trusts. */
  ca: file.nullable().default(null),
};

const httpSchema = z.strictObject(httpShape).superRefine(({ url, username, password }, context) => {
  const message = password === null ? null : plainTextProblem(url);
  if (message !== null) context.addIssue({ code: 'custom', path: ['url'], message });
  if ((username === null) === (password === null)) return;
  const path = [username === null ? 'username' : 'password'];
  context.addIssue({ code: 'custom', path, message: 'username and password go together' });
});

const connectorSchema = z.strictObject({
  name,
  /** URL of its Connect cluster, if that is not `connect.url`. */
  url: webUrl.nullable().default(null),
});

/** `cdc-lab.config.json`, or the default export of `cdc-lab.config.ts`. Paths are relative to the file's folder. */
export const externalSchema = z
  .strictObject({
    $schema: z.string().optional(),
    source: z
      .strictObject({
        ...postgresShape,
        /** The pipeline's replication slot. */
        slot: name,
        publication: name,
      })
      .superRefine(checkTls),
    sink: z
      .strictObject({
        ...postgresShape,
        /** The schema of the copies. */
        schema: name.default('public'),
        softDelete: name.nullable().default(null),
      })
      .superRefine(checkTls),
    kafka: kafkaSchema,
    connect: httpSchema,
    /** Used only by `cdc-lab config check`: the verifier reads events in JSON. */
    registry: httpSchema.nullable().default(null),
    connectors: z.strictObject({ source: connectorSchema, sink: connectorSchema }),
    /** What carries the events. Decides how faults are aimed, and how long scenarios may take. */
    engines: z
      .strictObject({
        source: z.enum(SOURCE_ENGINES).default('debezium'),
        sink: z.enum(SINK_ENGINES).default('jdbc'),
      })
      .prefault({}),
    /** Topics are `PREFIX.SCHEMA.TABLE`. */
    topicPrefix: name,
    /** Null: Kafka Connect's name for it, `connect-` and the sink connector's name. */
    consumerGroup: name.nullable().default(null),
    /** Null: every table of the source but {@link excludeTables}. */
    tables: z.array(table).min(1).nullable().default(null),
    excludeTables: z.array(table).default(['public.debezium_signal']),
    /** The source's `schema.table` to the sink's table, if that has another name. */
    tableMap: z.record(table, name).default({}),
    /** The source's `schema.table` to its columns that have other names in the sink. */
    columnMap: z.record(table, z.record(name, name)).default({}),
    /** Names of hosts, databases and slots that look like production but are yours to break. */
    owned: z.array(name).default([]),
  })
  .superRefine(({ connect, connectors }, context) => {
    if (connect.password === null) return;
    for (const role of ['source', 'sink'] as const) {
      const message = plainTextProblem(connectors[role].url ?? '');
      if (message !== null) context.addIssue({ code: 'custom', path: ['connectors', role, 'url'], message });
    }
  });
export type ExternalConfig = z.infer<typeof externalSchema>;
export type Postgres = z.infer<z.ZodObject<typeof postgresShape>>;
export type HttpService = z.infer<typeof httpSchema>;

/** The type of what `cdc-lab.config.ts` exports by default. */
export type ExternalConfigInput = z.input<typeof externalSchema>;

/**
 * The URL that every part of the lab takes. `${env:NAME}` stays a reference until the moment of connecting; the
 * TLS options are libpq's and mean what they mean there.
 */
export function postgresUrl(postgres: Postgres): string {
  const { host, port, database, user, password, sslmode, sslrootcert, sslcert, sslkey } = postgres;
  const isSocket = host.startsWith('/');
  const authority = isSocket ? encodeURIComponent(host) : host.includes(':') ? `[${host}]` : host;
  const url = new URL(`postgres://${authority}:${port}`);
  url.pathname = `/${encodeURIComponent(database)}`;
  url.username = encodeURIComponent(user);
  if (password !== null) url.password = encodeURIComponent(password);
  if (isSocket) return url.href;
  const tls = { sslmode, sslrootcert, sslcert, sslkey, uselibpqcompat: 'true' };
  for (const [key, value] of Object.entries(tls)) if (value !== null) url.searchParams.set(key, value);
  return url.href;
}

/** The Connect cluster of one connector. */
export function connectOf({ connect, connectors }: ExternalConfig, role: 'source' | 'sink'): HttpService {
  return { ...connect, url: connectors[role].url ?? connect.url };
}
