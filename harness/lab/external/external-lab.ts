import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { FIXTURE_TABLES, SIGNAL_TABLE } from '../../../fixtures/schema/schema.ts';
import { parseConfig, type VerifierConfig } from '../../../verifier/config.ts';
import { Database } from '../../../verifier/connection/postgres.ts';
import { withSecrets } from '../../../verifier/connection/secret.ts';
import { otherRuntime, runtimeIn } from '../choose-control.ts';
import type { Instance, InstanceSpec, Lab, Reach } from '../lab.ts';
import type { WorkloadContext } from '../process/process-workload.ts';
import { startWorkload } from '../process/process-workload.ts';
import { LAB_INSTANCE } from '../state/record-instance.ts';
import { claimStateDir } from '../state/state-dir.ts';
import { ExternalRuntime } from './external-runtime.ts';
import { connectOptions, lookAtTarget } from './look-at-target.ts';
import { ownProcesses } from './own-processes.ts';
import { mustBeOwned, type Objection } from './permission.ts';
import { connectOf, type ExternalConfig, postgresUrl } from './target-config.ts';

const QUICK_MS = 10_000;

/** A pipeline that other people run, as the only instance of a lab. The lab itself starts only workloads. */
export class ExternalLab implements Lab {
  readonly dir: string;
  readonly runId: string;
  readonly runtime: ExternalRuntime;
  readonly config: ExternalConfig;
  readonly engines: ExternalConfig['engines'];
  readonly #objections: readonly Objection[];

  constructor(dir: string, config: ExternalConfig, objections: readonly Objection[]) {
    this.dir = dir;
    this.runId = 'external';
    this.config = config;
    this.engines = config.engines;
    this.runtime = new ExternalRuntime(
      () => lookAtTarget(config),
      async () => (runtimeIn(dir) === 'external' ? await ownProcesses(dir, '').runtime.services() : []),
    );
    this.#objections = objections;
  }

  /**
   * @throws UsageError with the reasons why this target may not be broken; LabError if the folder is another
   * lab's.
   */
  mayBreak(): void {
    mustBeOwned(this.#objections);
    const there = runtimeIn(this.dir);
    if (there !== undefined && there !== 'external') throw otherRuntime(this.dir, there, 'external');
    claimStateDir(this.dir);
  }

  /** There is only one pipeline. The name that a run gives it separates what the lab writes: ledger and undo log. */
  async instance(name: string): Promise<Instance> {
    const { config } = this;
    const dir = join(this.dir, 'instances', name);
    const ledgerPath = join(dir, 'ledger.ndjson');
    const { connectors, topicPrefix, source } = config;
    return {
      name,
      dir,
      sourceUrl: postgresUrl(source),
      sinkUrl: postgresUrl(config.sink),
      bootstrapServers: config.kafka.bootstrapServers,
      topicPrefix,
      slot: source.slot,
      publication: source.publication,
      consumerGroup: groupOf(config),
      engines: config.engines,
      connectors: { source: connectors.source.name, sink: connectors.sink.name },
      services: { capture: 'connect', sink: 'connect', verifier: 'none' },
      captureUrl: connectOf(config, 'source').url,
      sinkWorkerUrl: connectOf(config, 'sink').url,
      verifierUrl: '',
      ledgerPath,
      reach: this.#reach(name === LAB_INSTANCE ? null : ledgerPath),
      startWorkload: (spec) => {
        this.mayBreak();
        mkdirSync(dir, { recursive: true });
        return startWorkload(workloadContext(this.dir, config, { name, ledgerPath }), spec);
      },
      // The pipeline is not the lab's to drop, and workloads are stopped by the code that started them.
      [Symbol.asyncDispose]: async () => undefined,
    };
  }

  async createInstance(spec: InstanceSpec): Promise<Instance> {
    this.mayBreak();
    return this.instance(spec.name);
  }

  async cannotHost(
    spec: Pick<InstanceSpec, 'source' | 'sink' | 'defects' | 'atSource'>,
  ): Promise<string | null> {
    const isOwn = spec.source.file !== 'source' || spec.sink.file !== 'sink' || spec.defects !== undefined;
    if (isOwn) return 'the lab makes naive pipelines on its own servers only';
    if (spec.atSource !== undefined) return 'the lab makes tables of a scenario on its own servers only';
    await using source = await Database.connect('source', postgresUrl(this.config.source), QUICK_MS);
    const rows = await source.query(
      `SELECT t.name, to_regclass(t.name) IS NOT NULL AS there, p.tablename IS NOT NULL AS captured
         FROM unnest($1::text[]) AS t (name)
         LEFT JOIN pg_publication_tables p ON p.pubname = $2 AND p.schemaname || '.' || p.tablename = t.name`,
      [[...FIXTURE_TABLES, SIGNAL_TABLE], this.config.source.publication],
    );
    const absent = rows.filter(({ there }) => there !== 't').map(({ name }) => name);
    if (absent.length > 0)
      return `the source has no ${absent.join(', ')}: cdc-lab config tables creates them`;
    const missed = rows.filter(({ captured }) => captured !== 't').map(({ name }) => name);
    if (missed.length > 0)
      return `the publication ${this.config.source.publication} lacks ${missed.join(', ')}`;
    return null;
  }

  #reach(ledger: string | null): Reach {
    const readOnly = this.#objections.length > 0;
    return {
      kafka: this.config.kafka,
      connect: {
        capture: connectOptions(connectOf(this.config, 'source')),
        sink: connectOptions(connectOf(this.config, 'sink')),
      },
      readOnly,
      verifierConfig: () => verifierConfig(this.config, this.dir, { ledger, readOnly }),
    };
  }
}

function groupOf({ consumerGroup, connectors }: ExternalConfig): string {
  return consumerGroup ?? `connect-${connectors.sink.name}`;
}

/** Where nothing may be written, no slot is created either: it would retain the source's WAL. */
function verifierConfig(
  config: ExternalConfig,
  stateDir: string,
  { ledger, readOnly }: { ledger: string | null; readOnly: boolean },
): VerifierConfig {
  const { source, sink, topicPrefix, tables, excludeTables, tableMap, columnMap } = config;
  const connector = (type: 'source' | 'sink') => {
    const { url, username, password, ca } = connectOf(config, type);
    const auth = username === null || password === null ? null : { username, password };
    return { name: config.connectors[type].name, url, type, auth, ca };
  };
  return parseConfig(
    {
      port: 0,
      stateDir,
      source: {
        url: postgresUrl(source),
        slot: source.slot,
        publication: source.publication,
        emitMessages: !readOnly,
      },
      sink: { url: postgresUrl(sink), schema: sink.schema },
      kafka: config.kafka,
      connectors: [connector('source'), connector('sink')],
      consumerGroup: groupOf(config),
      softDelete: sink.softDelete,
      ledger: ledger !== null && existsSync(ledger) ? ledger : null,
      fence: readOnly ? 'settle' : 'auto',
      ...{ topicPrefix, tables, excludeTables, tableMap, columnMap },
    },
    'made of the external configuration',
  );
}

/** The password is not in the URL: a process's arguments show in the process list. */
function workloadContext(
  dir: string,
  { source }: ExternalConfig,
  plan: { readonly name: string; readonly ledgerPath: string },
): WorkloadContext {
  const { password } = source;
  const secret =
    password === null ? (process.env.PGPASSWORD ?? '') : withSecrets(password, 'source.password');
  const sourceUrl = postgresUrl({ ...source, password: null });
  return { plan: { ...plan, sourceUrl }, stateDir: dir, ...ownProcesses(dir, secret) };
}
