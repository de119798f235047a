import { randomUUID } from 'node:crypto';
import { expect, inject, test } from 'vitest';
import { enginesReady } from '../lab/process/connect-service.ts';
import { startEngines } from './engines.ts';

const CLASSES = [
  'io.debezium.connector.postgresql.PostgresConnector',
  'io.debezium.connector.jdbc.JdbcSinkConnector',
];
/** Internal keys, and keys with a parameter in their name, which `validate` does not list by name. */
const LEFT_OUT = /^internal\.|[()*]/;

test.runIf(enginesReady())(
  'every key that Debezium names is honoured or refused by name',
  { timeout: 300_000 },
  async () => {
    const id = `keys_${randomUUID().slice(0, 8)}`;
    const options = { bootstrapServers: [inject('bootstrapServers')], password: 'none', id };
    await using engines = await startEngines({ ...options, progress: () => undefined });
    const { ours, debezium } = engines.clients;
    for (const className of CLASSES) {
      const keys = (await debezium.keys(className)).filter(({ name }) => !LEFT_OUT.test(name));
      expect(keys.length).toBeGreaterThan(40);
      const config = Object.fromEntries(keys.map((key) => [key.name, key.default_value ?? '']));
      const problems = await ours.validate(className, { ...config, 'connector.class': className, name: id });
      const unknown = [...problems].filter(([, errors]) =>
        errors.some((error) => /is not known|is not a key of/.test(error)),
      );
      expect(unknown).toEqual([]);
    }
  },
);
