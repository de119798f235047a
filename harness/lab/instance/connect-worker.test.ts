import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { PROJECT_DIR } from '../../project.ts';
import { imageVariables, tunedTimers, workerProperties } from './connect-worker.ts';

const PROPERTIES = workerProperties({
  bootstrapServers: ['kafka:9092', 'kafka-2:9092'],
  cluster: 'one-capture',
  properties: {
    ...tunedTimers({ offsetFlushMs: 1_000, rebalanceDelayMs: 5_000 }),
    'offset.flush.timeout.ms': '4000',
    'task.shutdown.graceful.timeout.ms': '3000',
  },
});

/** Turns a variable back into a property, as the image's entrypoint does. */
function property(variable: string): string {
  if (variable.startsWith('CONNECT_')) {
    return variable.slice('CONNECT_'.length).toLowerCase().replaceAll('_', '.');
  }
  if (variable === 'SHUTDOWN_TIMEOUT') return 'task.shutdown.graceful.timeout.ms';
  return variable.toLowerCase().replaceAll('_', '.');
}

describe('variables of the Connect image', () => {
  const variables = imageVariables(PROPERTIES);

  test('turn back into the properties that they came from', () => {
    const back = Object.entries(variables).map(([name, value]) => [property(name), value]);
    expect(Object.fromEntries(back)).toEqual(PROPERTIES);
  });

  test('are names that the entrypoint accepts, and values that its sed can carry', () => {
    for (const [name, value] of Object.entries(variables)) {
      expect(name).toMatch(/^[A-Z][A-Z_]*$/);
      expect(value, name).toMatch(/^[^@&\\\s]+$/);
    }
  });

  test('are known to the stand-in too, where they are the image’s own', () => {
    const entrypoint = readFileSync(
      join(PROJECT_DIR, 'docker/stand-in/connect/docker-entrypoint.sh'),
      'utf8',
    );
    const own = Object.keys(variables).filter((name) => !name.startsWith('CONNECT_'));
    expect(own).toHaveLength(10);
    for (const name of own) expect(entrypoint).toMatch(new RegExp(`"${property(name)}=\\$\\{?${name}\\b`));
  });
});

test('connectors see the one secret that they need, and nothing else of the environment', () => {
  expect(PROPERTIES).toMatchObject({
    'config.providers': 'env',
    'config.providers.env.param.allowlist.pattern': '^PGPASSWORD$',
  });
});

test('timers are those that a user has, unless a test sets others', () => {
  const { 'offset.flush.interval.ms': flush, 'scheduled.rebalance.max.delay.ms': delay } = workerProperties({
    bootstrapServers: ['kafka:9092'],
    cluster: 'one',
    properties: tunedTimers({}),
  });
  expect([flush, delay]).toEqual(['10000', undefined]);
  expect(PROPERTIES).toMatchObject({
    'offset.flush.interval.ms': '1000',
    'scheduled.rebalance.max.delay.ms': '5000',
  });
});
