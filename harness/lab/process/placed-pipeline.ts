import { join } from 'node:path';
import type { Pipeline, PipelineProcess, Place } from '../../../fixtures/pipelines/lib/pipeline.ts';
import { loadPipeline, tablesOf } from '../../../fixtures/pipelines/load.ts';
import type { VerifierConfigInput } from '../../../verifier/config.ts';
import { PROJECT_DIR } from '../../project.ts';
import type { InstancePlan } from '../instance/instance-plan.ts';
import type { PlacedPipeline } from '../lab.ts';
import type { ServiceSpec } from '../services/service-spec.ts';
import type { ProcessLabContext } from './process-runtime.ts';

/** The pipeline in that file, on the lab's servers. The file is loaded lazily. */
export function placedPipeline(context: ProcessLabContext, plan: InstancePlan, file: string): PlacedPipeline {
  const ask = async <T>(what: (pipeline: Pipeline, place: Place) => Promise<T>): Promise<T> => {
    const pipeline = await loadPipeline(file);
    return await what(pipeline, placeOf(context, plan, pipeline));
  };
  return {
    start: () => ask((pipeline, place) => pipeline.start(place)),
    stop: () => ask((pipeline, place) => pipeline.stop(place)),
    kill: () => ask((pipeline, place) => pipeline.kill(place)),
    health: () => ask((pipeline, place) => pipeline.health(place)),
  };
}

function placeOf(context: ProcessLabContext, plan: InstancePlan, pipeline: Pipeline): Place {
  const { sourceUrl, sinkUrl, bootstrapServers, consumerGroup, slot, publication } = plan;
  const tables = tablesOf(pipeline);
  return {
    ...{ sourceUrl, sinkUrl, bootstrapServers, consumerGroup, slot, publication },
    tables,
    topics: readsTopics(pipeline) ? topicsOf(plan, pipeline) : [],
    process: processOf(context, plan),
  };
}

/** Topics of the tables that it carries. */
export function topicsOf({ topicPrefix }: InstancePlan, pipeline: Pipeline): string[] {
  return tablesOf(pipeline).map((table) => `${topicPrefix}.${table}`);
}

/** Whether the lab's capture feeds it. */
export function readsTopics({ position }: Pipeline): boolean {
  return position === 'consumer-group';
}

/** Runs as service `sink` of the instance, and is found by its record like any other service. */
function processOf({ runtime, stateDir }: ProcessLabContext, plan: InstancePlan): PipelineProcess {
  const name = plan.services.sink;
  const stateOf = async () => (await runtime.services()).find((service) => service.name === name);
  const lives = async () => ['running', 'paused'].includes((await stateOf())?.state ?? 'stopped');
  return {
    async start(command, args) {
      await runtime.launch(serviceOf(name, stateDir, command, args));
    },
    async stop() {
      if (await lives()) await runtime.stop(name);
    },
    async kill() {
      if (await lives()) await runtime.kill(name);
    },
    async health() {
      const info = await stateOf();
      const now = { running: info?.state === 'running', who: info?.pid == null ? null : String(info.pid) };
      return info?.state === 'dead' ? { ...now, ended: runtime.endingOf(name) } : now;
    },
  };
}

function serviceOf(name: string, stateDir: string, command: string, args: readonly string[]): ServiceSpec {
  return {
    name,
    kind: 'worker',
    command,
    args: [...args],
    cwd: PROJECT_DIR,
    env: { TZ: 'UTC' },
    wantsPassword: true,
    uid: null,
    port: null,
    log: join(stateDir, 'logs', `${name}.log`),
    probe: { tag: 'none' },
    readyTimeoutMs: 60_000,
    stopSignals: [{ signal: 'SIGTERM', waitMs: 10_000 }],
  };
}

/** Keys of the verifier's configuration that differ from those for the lab's own pipeline. */
export function verifierOf(plan: InstancePlan, pipeline: Pipeline): Partial<VerifierConfigInput> {
  const { sinkTable, position } = pipeline;
  const carried = tablesOf(pipeline);
  const tableMap =
    sinkTable === undefined ? {} : Object.fromEntries(carried.map((table) => [table, sinkTable(table)]));
  const scope = { tableMap, tables: pipeline.tables === undefined ? null : [...carried] };
  if (readsTopics(pipeline)) {
    const capture = { name: plan.connectors.source, url: plan.captureUrl, type: 'source' as const };
    return { ...scope, connectors: [capture] };
  }
  const subscription = position === 'subscription' ? plan.slot : null;
  return {
    ...scope,
    sink: { url: plan.sinkUrl, subscription },
    ...{ kafka: null, topicPrefix: '', connectors: [], consumerGroup: null },
  };
}
