import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { describe, expect, test } from 'vitest';
import { PROJECT_DIR } from '../../project.ts';
import { LAB_INSTANCE } from '../state/record-instance.ts';
import { CONNECT_IMAGE, connectVariables } from './connect-container.ts';
import { standingPair } from './docker-context.ts';

const file = readFileSync(join(PROJECT_DIR, 'docker-compose.yml'), 'utf8');

/** The `KEY: value` lines that follow the line with this end, at one depth. Compose's own `${…}` stay as they are. */
function variablesAfter(head: string): Record<string, string> {
  const [, text = ''] = file.split(`${head}\n`);
  const block = /^(?: +\S.*\n)+/.exec(text)?.[0] ?? '';
  const lines = block.matchAll(/^ +([A-Z][A-Z_]*): (.*)$/gm);
  return Object.fromEntries([...lines].map(([, name, value = '']) => [name, value.replaceAll('$$', '$')]));
}

describe('docker-compose.yml', () => {
  test('names the image of Connect as the lab does', () => {
    expect(file).toContain(`\${CDC_LAB_IMAGE_CONNECT:-${CONNECT_IMAGE}}`);
  });

  test.each([
    ['connect-source', 'capture'],
    ['connect-sink', 'sink'],
  ])('gives %s the properties that a Connect worker has everywhere', (service, role) => {
    const shared = variablesAfter('x-connect-environment: &connect-environment');
    const [, rest = ''] = file.split(`  ${service}:\n`);
    const own = Object.fromEntries(
      [...(rest.split('ports:')[0] ?? '').matchAll(/^ +([A-Z][A-Z_]*): (\S+)$/gm)].map((line) =>
        line.slice(1),
      ),
    );
    const { PGPASSWORD, ...told } = { ...shared, ...own };
    expect(told).toEqual(connectVariables(['kafka:9092'], `${LAB_INSTANCE}-${role}`));
    expect(PGPASSWORD).toBe('${CDC_LAB_PASSWORD:-cdc-lab}');
  });
});

test('docker/debezium.env sets up the pair that `up --source debezium --sink jdbc` sets up', () => {
  const env = parseEnv(readFileSync(join(PROJECT_DIR, 'docker/debezium.env'), 'utf8'));
  expect(env).toEqual(standingPair({ source: 'debezium', sink: 'jdbc' }));
});

test('in a mixed pair, Connect hosts one half and the lab’s own worker the other', () => {
  expect(standingPair({ source: 'ts', sink: 'jdbc' })).toEqual({
    COMPOSE_PROFILES: 'jdbc',
    CDC_LAB_SOURCE: 'ts',
    CDC_LAB_SOURCE_URL: 'http://capture:8083',
    CDC_LAB_CAPTURE_WORKERS: '1',
    CDC_LAB_SINK: 'jdbc',
    CDC_LAB_SINK_URL: 'http://connect-sink:8083',
    CDC_LAB_SINK_WORKERS: '0',
  });
});
