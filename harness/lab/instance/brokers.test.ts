import { expect, test } from 'vitest';
import {
  bootstrapServersOf,
  brokersOf,
  choosePorts,
  memberOf,
  refuseCluster,
  refuseOtherBrokers,
} from './brokers.ts';

test('a single broker is called kafka, and no cluster is recorded', async () => {
  const servers = await choosePorts();
  expect(Object.keys(servers)).toEqual(['ports']);
  const [broker] = brokersOf(servers);
  expect(broker).toMatchObject({ name: 'kafka', nodeId: 1 });
  expect(memberOf(servers, broker)).toEqual({});
  expect(bootstrapServersOf(servers)).toEqual([`127.0.0.1:${servers.ports.kafkaClient}`]);
});

test('three brokers share a cluster id, know each other, and no port is taken twice', async () => {
  const servers = await choosePorts(3);
  const brokers = brokersOf(servers);
  expect(brokers.map(({ name }) => name)).toEqual(['kafka', 'kafka-2', 'kafka-3']);
  const ports = [
    servers.ports.pgSource,
    servers.ports.pgSink,
    ...brokers.flatMap((b) => Object.values(b.ports)),
  ];
  expect(new Set(ports).size).toBe(14);
  const members = brokers.map((broker) => memberOf(servers, broker).member);
  expect(members.map((member) => member?.nodeId)).toEqual([1, 2, 3]);
  expect(new Set(members.map((member) => member?.clusterId)).size).toBe(1);
  for (const member of members) {
    expect(member?.controllerPorts).toEqual(brokers.map((broker) => broker.ports.controller));
  }
});

test('a runtime that starts no cluster refuses one', () => {
  expect(() => refuseCluster({ brokers: 1, sinkWorkers: 1 }, 'docker')).not.toThrow();
  expect(() => refuseCluster({ brokers: 3 }, 'docker')).toThrow(/docker runtime does not start 3 brokers/);
  expect(() => refuseCluster({ sinkWorkers: 2 }, 'external')).toThrow(
    expect.objectContaining({ code: 'CDC-5211', message: expect.stringContaining('2 sink workers') }),
  );
});

test('a lab keeps its brokers: another number is refused, and no number accepts any', async () => {
  const servers = await choosePorts(3);
  expect(() => refuseOtherBrokers(servers, undefined, '/s')).not.toThrow();
  expect(() => refuseOtherBrokers(servers, 3, '/s')).not.toThrow();
  expect(() => refuseOtherBrokers(servers, 1, '/s')).toThrow(
    expect.objectContaining({ code: 'CDC-5147', message: expect.stringContaining('3 brokers, not 1') }),
  );
});
