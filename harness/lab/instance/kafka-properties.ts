import { randomBytes } from 'node:crypto';

export interface KafkaPorts {
  /** For every client in the lab. */
  readonly client: number;
  /** A second listener, for connections through the fault proxy, … */
  readonly link: number;
  /** … which advertises the proxy's port, so that a client that comes in through the proxy stays on it. */
  readonly linkAdvertised: number;
  readonly controller: number;
}

/** A broker's place in a cluster in which every broker is a controller too. */
export interface ClusterMember {
  /** From 1 on. */
  readonly nodeId: number;
  /** The same for all brokers. */
  readonly clusterId: string;
  /** Of all brokers, in the order of their node ids. */
  readonly controllerPorts: readonly number[];
}

/**
 * How many copies a partition has, and how many must hold a record before it is acknowledged. With three brokers
 * one may be away, and no acknowledged record is lost with it.
 */
export function replication(brokers: number): { readonly factor: number; readonly minInSync: number } {
  const factor = Math.min(3, brokers);
  return { factor, minInSync: Math.max(1, factor - 1) };
}

/** The properties of a broker that is also a controller, in KRaft mode. @param storage Relative to where it runs. */
export function serverProperties(ports: KafkaPorts, storage: string, member?: ClusterMember): string {
  const { nodeId = 1, controllerPorts = [ports.controller] } = member ?? {};
  const { factor, minInSync } = replication(controllerPorts.length);
  const voters = controllerPorts.map((port, index) => `${index + 1}@127.0.0.1:${port}`).join(',');
  return `# Written by cdc-lab.
process.roles=broker,controller
node.id=${nodeId}
controller.quorum.voters=${voters}
listeners=CLIENT://127.0.0.1:${ports.client},LINK://127.0.0.1:${ports.link},CONTROLLER://127.0.0.1:${ports.controller}
advertised.listeners=CLIENT://127.0.0.1:${ports.client},LINK://127.0.0.1:${ports.linkAdvertised}
listener.security.protocol.map=CLIENT:PLAINTEXT,LINK:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=CLIENT
controller.listener.names=CONTROLLER
log.dirs=${storage}
auto.create.topics.enable=false
num.partitions=1
default.replication.factor=${factor}
min.insync.replicas=${minInSync}
offsets.topic.num.partitions=1
offsets.topic.replication.factor=${factor}
transaction.state.log.num.partitions=1
transaction.state.log.replication.factor=${factor}
transaction.state.log.min.isr=${minInSync}
group.initial.rebalance.delay.ms=0
# A consumer may choose a session this short; a killed one leaves its group when the session ends.
group.min.session.timeout.ms=1000
# A broker that was killed may register again only when its old session has ended (default: 9 s).
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
# One machine, one lab: few threads are enough.
num.network.threads=2
num.io.threads=4
background.threads=2
num.recovery.threads.per.data.dir=2
log.cleaner.dedupe.buffer.size=16777216
`;
}

/** A value as `java.util.Properties` reads it, from a file in Latin-1: backslashes and all but ASCII are escaped. */
export function propertyValue(text: string): string {
  const escaped = (unit: string): string => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
  return text.replaceAll('\\', '\\\\').replace(/^ |[^ -~]/g, escaped);
}

/** 16 random bytes as Kafka writes a UUID: base64url without padding, not beginning with `-`. */
export function kafkaUuid(): string {
  for (;;) {
    const text = randomBytes(16).toString('base64url');
    if (!text.startsWith('-')) return text;
  }
}
