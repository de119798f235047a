/**
 * `bench/engines`: the same measurements for our engines and for Debezium's, side by side.
 * In: an engine and a size.
 * Out: rounds of rates, CPU times and latencies, and figures that compare two engines.
 * Promises: both engines run the same workload on the same servers, each tuned as its documentation advises.
 */

import { readFileSync } from 'node:fs';
import type { SinkEngine, SourceEngine } from '../../harness/lab/engines.ts';
import type { InstanceSpec, Lab } from '../../harness/lab/lab.ts';
import { type Figure, median } from '../lib/bench.ts';

/** Connect workers tuned for throughput: the C2 compiler and a larger heap. */
const connect = { jvm: 'throughput' } as const;

/** JSON without schemas, compressed: the same for both engines. */
const PLAIN = {
  'key.converter.schemas.enable': 'false',
  'value.converter.schemas.enable': 'false',
  'producer.override.compression.type': 'lz4',
};

/** The settings that Debezium's documentation and its users recommend for throughput. */
const DEBEZIUM_TUNED = {
  'max.batch.size': '8192',
  'max.queue.size': '65536',
  'snapshot.fetch.size': '10240',
  'producer.override.linger.ms': '5',
  'producer.override.batch.size': '524288',
};

/** UNNEST instead of one statement per row, and only the last row of each key in a batch. */
const JDBC_TUNED = {
  'batch.size': '3000',
  'use.reduction.buffer': 'true',
  'dialect.postgres.unnest.insert.enabled': 'true',
  'consumer.override.max.poll.records': '3000',
};

/** A pipeline to measure a capture. Its sink is stopped. */
export function captureSpec(
  source: SourceEngine,
): Pick<InstanceSpec, 'source' | 'sink' | 'engines' | 'connect'> {
  const overrides = source === 'debezium' ? { ...PLAIN, ...DEBEZIUM_TUNED } : PLAIN;
  return {
    source: { file: 'source', overrides },
    sink: { file: 'sink' },
    engines: { source, sink: 'ts' },
    connect,
  };
}

/** A pipeline to measure a sink. Our capture fills the topic beforehand. The JDBC sink needs schemas. */
export function sinkSpec(sink: SinkEngine): Pick<InstanceSpec, 'source' | 'sink' | 'engines' | 'connect'> {
  return {
    source: { file: 'source' },
    sink: { file: 'sink', overrides: sink === 'jdbc' ? JDBC_TUNED : {} },
    engines: { source: 'ts', sink },
    connect,
  };
}

/** A pipeline to measure latency: both halves wait as little as their settings allow. */
export function pairSpec(
  source: SourceEngine,
  sink: SinkEngine,
): Pick<InstanceSpec, 'source' | 'sink' | 'engines' | 'connect'> {
  const polled = source === 'debezium' ? { 'poll.interval.ms': '10' } : {};
  const batched = sink === 'jdbc' ? JDBC_TUNED : {};
  return {
    source: { file: 'source', overrides: polled },
    sink: { file: 'sink', overrides: batched },
    engines: { source, sink },
    connect,
  };
}

/** One engine's rounds. */
export interface Rounds {
  readonly perSecond: readonly number[];
  /** First rounds of further new processes. If undefined, only the first of {@link perSecond} is cold. */
  readonly cold?: readonly number[];
  /** CPU time of the engine's process in microseconds per event. */
  readonly cpuMicros: readonly number[];
}

/** Figures that compare our rounds with the peer's. The first round of each process is cold, the others are warm. */
export function sideBySide(
  unit: string,
  own: Rounds,
  peer: Rounds,
  atLeast: { readonly warm: number; readonly cold?: number },
): Figure[] {
  const warm = (samples: readonly number[]): number =>
    median(samples.length > 1 ? samples.slice(1) : samples);
  const cold = ({ perSecond, cold = [] }: Rounds): number[] => [...perSecond.slice(0, 1), ...cold];
  const figure = (what: string, value: number, of: string, samples?: readonly number[]): Figure => ({
    what,
    value,
    unit: of,
    target: null,
    ...(samples === undefined ? {} : { samples }),
  });
  return [
    figure('ours, warm', warm(own.perSecond), unit, own.perSecond),
    figure('peer, warm', warm(peer.perSecond), unit, peer.perSecond),
    {
      ...figure('ours to peer, warm', warm(own.perSecond) / warm(peer.perSecond), 'times'),
      target: { atLeast: atLeast.warm },
    },
    figure('ours, cold', median(cold(own)), unit, cold(own)),
    figure('peer, cold', median(cold(peer)), unit, cold(peer)),
    {
      ...figure('ours to peer, cold', median(cold(own)) / median(cold(peer)), 'times'),
      target: atLeast.cold === undefined ? null : { atLeast: atLeast.cold },
    },
    figure('ours, CPU', warm(own.cpuMicros), 'µs each', own.cpuMicros),
    figure('peer, CPU', warm(peer.cpuMicros), 'µs each', peer.cpuMicros),
  ];
}

/** CPU time that a service has used so far, in milliseconds, at a kernel clock of 100 ticks per second. */
export async function cpuMsOf(lab: Lab, service: string): Promise<number> {
  const info = (await lab.runtime.services()).find(({ name }) => name === service);
  if (info?.pid == null) throw new Error(`the service ${service} does not run`);
  const stat = readFileSync(`/proc/${info.pid}/stat`, 'utf8');
  const [user = 0, system = 0] = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .slice(11, 13)
    .map(Number);
  return (user + system) * 10;
}
