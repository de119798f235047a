import { describe, expect, test } from 'vitest';
import { propertyValue, replication, serverProperties } from './kafka-properties.ts';

const ports = { client: 11, link: 12, linkAdvertised: 13, controller: 14 };

function keysOf(text: string): Map<string, string> {
  const lines = text.split('\n').filter((line) => line.includes('=') && !line.startsWith('#'));
  return new Map(lines.map((line) => line.split(/=(.*)/s).slice(0, 2) as [string, string]));
}

describe('the properties of a broker', () => {
  test('a single broker is its own quorum, and nothing is replicated', () => {
    const keys = keysOf(serverProperties(ports, '/log'));
    expect(keys.get('controller.quorum.voters')).toBe('1@127.0.0.1:14');
    for (const [key, value] of keys) if (/replication\.factor|min\.i/.test(key)) expect(value, key).toBe('1');
  });

  test('with three brokers every topic has three copies, two of which must hold a record before it is acknowledged', () => {
    const member = { nodeId: 2, clusterId: 'x', controllerPorts: [4, 14, 24] };
    const keys = keysOf(serverProperties(ports, '/log', member));
    expect(keys.get('node.id')).toBe('2');
    expect(keys.get('controller.quorum.voters')).toBe('1@127.0.0.1:4,2@127.0.0.1:14,3@127.0.0.1:24');
    for (const topics of ['default', 'offsets.topic', 'transaction.state.log']) {
      expect(keys.get(`${topics}.replication.factor`)).toBe('3');
    }
    expect([keys.get('min.insync.replicas'), keys.get('transaction.state.log.min.isr')]).toEqual(['2', '2']);
  });
});

test.each([
  [1, 1, 1],
  [2, 2, 1],
  [3, 3, 2],
  [5, 3, 2],
])('%i brokers: %i copies, %i in sync', (brokers, factor, minInSync) => {
  expect(replication(brokers)).toEqual({ factor, minInSync });
});

test('a value is escaped as java.util.Properties reads it', () => {
  expect(propertyValue('/home/Zoë/a b,c=d#e')).toBe('/home/Zo\\u00eb/a b,c=d#e');
  expect(propertyValue(' a\\b\n')).toBe('\\u0020a\\\\b\\u000a');
});
