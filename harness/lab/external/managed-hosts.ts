/** A managed service, and how its hosts are recognised. */
interface ManagedService {
  readonly service: string;
  /** Ends of host names. */
  readonly hosts: readonly string[];
  /** Where its vendor documents the names of its hosts. */
  readonly source: string;
}

/** Targets on these hosts may only be looked at, unless the configuration lists the host under `owned`. */
export const MANAGED_SERVICES: readonly ManagedService[] = [
  {
    service: 'Amazon RDS or Aurora',
    hosts: ['.rds.amazonaws.com', '.rds.amazonaws.com.cn'],
    source: 'https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_ConnectToPostgreSQLInstance.html',
  },
  {
    service: 'Amazon MSK',
    hosts: ['.kafka.*.amazonaws.com', '.kafka-serverless.*.amazonaws.com'],
    source: 'https://docs.aws.amazon.com/msk/latest/developerguide/msk-get-bootstrap-brokers.html',
  },
  {
    service: 'Google Cloud SQL',
    hosts: ['.sql.goog', '.sql-psa.goog', '.sql-psc.goog'],
    source: 'https://cloud.google.com/sql/docs/postgres/connect-to-instance-using-write-endpoint',
  },
  {
    service: 'Google Managed Service for Apache Kafka',
    hosts: ['.managedkafka.*.cloud.goog'],
    source: 'https://cloud.google.com/managed-service-for-apache-kafka/docs/quickstart',
  },
  {
    service: 'Azure Database for PostgreSQL',
    hosts: ['.postgres.database.azure.com', '.postgres.cosmos.azure.com'],
    source: 'https://learn.microsoft.com/azure/postgresql/flexible-server/concepts-networking-public',
  },
  {
    service: 'Azure Event Hubs',
    hosts: ['.servicebus.windows.net'],
    source: 'https://learn.microsoft.com/azure/event-hubs/azure-event-hubs-apache-kafka-overview',
  },
  { service: 'Neon', hosts: ['.neon.tech'], source: 'https://neon.com/docs/connect/connect-from-any-app' },
  {
    service: 'Supabase',
    hosts: ['.supabase.co', '.supabase.com'],
    source: 'https://supabase.com/docs/guides/database/connecting-to-postgres',
  },
  {
    service: 'Aiven',
    hosts: ['.aivencloud.com'],
    source: 'https://aiven.io/docs/products/postgresql/howto/connect-psql',
  },
  {
    service: 'Confluent Cloud',
    hosts: ['.confluent.cloud'],
    source: 'https://docs.confluent.io/cloud/current/client-apps/config-client.html',
  },
  {
    service: 'Redpanda Cloud',
    hosts: ['.cloud.redpanda.com'],
    source: 'https://docs.redpanda.com/redpanda-cloud/get-started/cluster-types/serverless/',
  },
  {
    service: 'DigitalOcean Managed Databases',
    hosts: ['.db.ondigitalocean.com'],
    source: 'https://docs.digitalocean.com/products/databases/postgresql/how-to/connect/',
  },
  {
    service: 'Crunchy Bridge',
    hosts: ['.postgresbridge.com'],
    source: 'https://docs.crunchybridge.com/quickstart/connect',
  },
  {
    service: 'Tiger Cloud (Timescale)',
    hosts: ['.tsdb.cloud.timescale.com'],
    source: 'https://docs.tigerdata.com/integrations/latest/find-connection-details/',
  },
  {
    service: 'IBM Cloud Databases',
    hosts: ['.databases.appdomain.cloud'],
    source:
      'https://cloud.ibm.com/docs/databases-for-postgresql?topic=databases-for-postgresql-connection-strings',
  },
  {
    service: 'Render',
    hosts: ['-postgres.render.com'],
    source: 'https://render.com/docs/postgresql-creating-connecting',
  },
];

/** The service that the host belongs to; null if it is not recognised. */
export function managedService(host: string): string | null {
  const name = host.toLowerCase().replace(/\.$/, '');
  const found = MANAGED_SERVICES.find(({ hosts }) => hosts.some((pattern) => matches(name, pattern)));
  return found?.service ?? null;
}

/** `*` matches one or more labels of a name: a region, a project. */
function matches(host: string, pattern: string): boolean {
  const parts = pattern.split('*').map((part) => part.replaceAll('.', '\\.'));
  return new RegExp(`.${parts.join('[^.]+(?:\\.[^.]+)*')}$`).test(host);
}

/** Whether the name looks like that of a production system. */
export function soundsLikeProduction(name: string): boolean {
  return /(^|[^a-z])(prod|production|prd|live)([^a-z]|$)/i.test(name);
}
