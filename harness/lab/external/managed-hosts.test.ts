import { expect, test } from 'vitest';
import { MANAGED_SERVICES, managedService, soundsLikeProduction } from './managed-hosts.ts';

test.each([
  ['shop.cluster-c1a2.eu-central-1.rds.amazonaws.com', 'Amazon RDS or Aurora'],
  ['SHOP.c1a2.eu-central-1.rds.amazonaws.com.', 'Amazon RDS or Aurora'],
  ['b-1.shop.x1y2.c3.kafka.eu-west-1.amazonaws.com', 'Amazon MSK'],
  ['boot-1.kafka-serverless.us-east-1.amazonaws.com', 'Amazon MSK'],
  ['103uufa2svq8u.2rb3qdj9tkf4d.global.sql-psa.goog', 'Google Cloud SQL'],
  ['bootstrap.c.europe-west3.managedkafka.my-project.cloud.goog', 'Google Managed Service for Apache Kafka'],
  ['shop.postgres.database.azure.com', 'Azure Database for PostgreSQL'],
  ['shop.servicebus.windows.net', 'Azure Event Hubs'],
  ['ep-cool-1.eu-central-1.aws.neon.tech', 'Neon'],
  ['db.abcdef.supabase.co', 'Supabase'],
  ['aws-0-eu-central-1.pooler.supabase.com', 'Supabase'],
  ['pg-1.shop.aivencloud.com', 'Aiven'],
  ['pkc-1.eu-central-1.aws.confluent.cloud', 'Confluent Cloud'],
  ['dpg-1-postgres.render.com', 'Render'],
])('%s is recognised as %s', (host, service) => {
  expect(managedService(host)).toBe(service);
});

test.each([
  '127.0.0.1',
  'localhost',
  'db.test',
  'rds.amazonaws.com.example.org',
  'ec2-1.amazonaws.com',
  'neon.technology',
])('%s is not recognised', (host) => {
  expect(managedService(host)).toBeNull();
});

test('each entry has its source', () => {
  for (const { source, hosts } of MANAGED_SERVICES) {
    expect(source).toMatch(/^https:\/\//);
    expect(hosts.length).toBeGreaterThan(0);
  }
});

test('names that people give to production systems are recognised', () => {
  const names = ['prod', 'shop_production', 'pg-prod-1.internal', 'live.db', 'PRD'];
  expect(names.filter((name) => !soundsLikeProduction(name))).toEqual([]);
  expect(['products', 'reproduction', 'delivery', 'alive', 'lab'].filter(soundsLikeProduction)).toEqual([]);
});
