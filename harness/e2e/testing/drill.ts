import { randomUUID } from 'node:crypto';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type pg from 'pg';
import { expect } from 'vitest';
import { z } from 'zod';
import { connectTo } from '../../../fixtures/database.ts';
import { makeTestFolder } from '../../../fixtures/testing/test-folder.ts';
import type { CrashPoint } from '../../../pipeline/contract/crash-points.ts';
import type { Report } from '../../../verifier/report.ts';
import type { Access, Side, WorkerRole } from '../../access/access.ts';
import { openAccess } from '../../access/live-access.ts';
import type { ConnectTuning, EnginePair } from '../../lab/engines.ts';
import type { Instance, InstanceSpec, Lab } from '../../lab/lab.ts';
import { labControl } from '../../lab/process/process-control.ts';
import type { Runtime } from '../../lab/runtime.ts';
import { until } from '../../wait.ts';

/** A machine under load needs longer than the pipeline: what is measured is printed, and bounded far above it. */
const WITHIN_MS = 60_000;
const VERIFY_WITHIN_MS = 60_000;

const healthSchema = z.object({
  status: z.enum(['ok', 'degraded', 'failed']),
  components: z.array(z.object({ component: z.string(), health: z.string(), detail: z.string() })),
});
export type WorkerHealth = z.infer<typeof healthSchema>;

/** One lab with servers of its own, for all the drills of a file. */
export interface DrillLab extends AsyncDisposable {
  readonly lab: Lab;
  readonly runtime: Required<Runtime>;
  instance(name: string, overrides?: InstanceOverrides): Promise<Drill>;
}
export interface InstanceOverrides {
  readonly source?: Readonly<Record<string, string>>;
  readonly sink?: Readonly<Record<string, string>>;
  readonly sinkWorkers?: number;
  readonly engines?: EnginePair;
  readonly connect?: ConnectTuning;
}

/** One pipeline, and what a drill does to it and asks of it. */
export interface Drill extends AsyncDisposable {
  readonly instance: Instance;
  readonly access: Access;
  readonly runtime: Required<Runtime>;
  source(sql: string, params?: readonly unknown[]): Promise<Record<string, unknown>[]>;
  sink(sql: string, params?: readonly unknown[]): Promise<Record<string, unknown>[]>;
  /** A connection of its own, for transactions that overlap. */
  connection(side: Side): Promise<pg.Client & AsyncDisposable>;
  /** Runs `work` beside a workload of about 100 transactions/s, ends that, and wants a full PASS. */
  underLoad(seed: number, work: () => Promise<void>): Promise<Report>;
  /** A row written now comes out at the sink; returns the milliseconds that it took. */
  roundTrip(): Promise<number>;
  /** A full verification at rest: PASS, ledger complete. */
  pass(): Promise<Report>;
  health(role: WorkerRole): Promise<WorkerHealth>;
  /** SIGKILL, with its proof: the pids are gone, the port refuses. It is not started again. */
  kill(service: string): Promise<void>;
  /** The worker's process goes at that crash point, and is started again. `then`: what makes it get there. */
  killAt(role: WorkerRole, point: CrashPoint, skip: number, then?: () => Promise<void>): Promise<void>;
  /** As the first half of {@link killAt}: resolves when the worker waits there. */
  waitAt(role: WorkerRole, point: CrashPoint): Promise<void>;
}

/** `folder` tells labs apart that run at the same time. */
export async function startDrillLab({ brokers = 1 } = {}): Promise<DrillLab> {
  const parent = makeTestFolder();
  const dir = join(parent, 'lab');
  const lab = await labControl.up({
    dir,
    rate: 0,
    seed: 1,
    brokers,
    withInstance: false,
    progress: () => undefined,
  });
  const runtime = complete(lab.runtime);
  return {
    lab,
    runtime,
    async instance(name, overrides = {}) {
      const spec: InstanceSpec = {
        name,
        source: { file: 'source', overrides: overrides.source ?? {} },
        sink: { file: 'sink', overrides: overrides.sink ?? {} },
        sinkWorkers: overrides.sinkWorkers ?? 1,
        ...(overrides.engines === undefined ? {} : { engines: overrides.engines }),
        ...(overrides.connect === undefined ? {} : { connect: overrides.connect }),
        verifyEveryMs: null,
        seedRows: 200,
        seed: 7,
      };
      const instance = await lab.createInstance(spec);
      return new LiveDrill(instance, await openAccess(instance), runtime);
    },
    async [Symbol.asyncDispose]() {
      await labControl.clean(dir);
      rmSync(parent, { recursive: true, force: true });
    },
  };
}

/** @throws where the runtime cannot do all that a drill needs. */
function complete(runtime: Runtime): Required<Runtime> {
  const { kill, pause, resume, start, stop } = runtime;
  if (!kill || !pause || !resume || !start || !stop) throw new Error(`${runtime.name} cannot do all of it`);
  return runtime as Required<Runtime>;
}

class LiveDrill implements Drill {
  readonly instance: Instance;
  readonly access: Access;
  readonly runtime: Required<Runtime>;

  constructor(instance: Instance, access: Access, runtime: Required<Runtime>) {
    this.instance = instance;
    this.access = access;
    this.runtime = runtime;
  }

  source(sql: string, params: readonly unknown[] = []): Promise<Record<string, unknown>[]> {
    return this.access.query('source', sql, params);
  }

  sink(sql: string, params: readonly unknown[] = []): Promise<Record<string, unknown>[]> {
    return this.access.query('sink', sql, params);
  }

  connection(side: Side): Promise<pg.Client & AsyncDisposable> {
    return connectTo(side === 'source' ? this.instance.sourceUrl : this.instance.sinkUrl);
  }

  async underLoad(seed: number, work: () => Promise<void>): Promise<Report> {
    const before = await this.access.committed();
    const workload = await this.instance.startWorkload({
      kind: 'mixed',
      rate: 100,
      seed,
      transactions: null,
    });
    try {
      await this.#committedSince(before, 50);
      await work();
      const after = await this.access.committed();
      await this.#committedSince(after, 20);
    } finally {
      await workload.stop();
    }
    return await this.pass();
  }

  async roundTrip(): Promise<number> {
    const begin = performance.now();
    const id = randomUUID();
    const insert = `INSERT INTO customers (id, email, name) VALUES ($1, 'canary@example.org', 'canary')`;
    await this.source(insert, [id]);
    await until(async () => (await this.sink('SELECT 1 FROM customers WHERE id = $1', [id])).length === 1, {
      what: 'a row to come from source to sink',
      withinMs: WITHIN_MS,
      everyMs: 25,
    });
    return Math.round(performance.now() - begin);
  }

  async pass(): Promise<Report> {
    const signal = AbortSignal.timeout(VERIFY_WITHIN_MS + 30_000);
    const report = await this.access.verify({ deadlineMs: VERIFY_WITHIN_MS, signal });
    const notPassed = report.checks.filter(({ verdict }) => verdict !== 'PASS');
    expect({ verdict: report.verdict, notPassed, findings: report.findings }).toEqual({
      verdict: 'PASS',
      notPassed: [],
      findings: [],
    });
    expect(report.coverage).toBe(1);
    const { unknown = 0, settledCommitted = 0, settledAborted = 0 } = report.ledger ?? {};
    expect(settledCommitted + settledAborted).toBe(unknown);
    return report;
  }

  async health(role: WorkerRole): Promise<WorkerHealth> {
    const { captureUrl, sinkWorkerUrl } = this.instance;
    const url = role === 'capture' ? captureUrl : sinkWorkerUrl;
    const answer = await fetch(`${url}/health`, { signal: AbortSignal.timeout(5_000) });
    return healthSchema.parse(await answer.json());
  }

  async kill(service: string): Promise<void> {
    const killed = await this.runtime.kill(service);
    expect(killed.evidence).toMatchObject({ gone: true, connection: 'refused' });
  }

  async killAt(role: WorkerRole, point: CrashPoint, skip: number, then?: () => Promise<void>): Promise<void> {
    await this.access.armCrashPoint(role, point, skip);
    await then?.();
    await this.waitAt(role, point);
    const service = this.instance.services[role];
    await this.kill(service);
    await this.runtime.start(service);
  }

  async waitAt(role: WorkerRole, point: CrashPoint): Promise<void> {
    await until(
      async () => (await this.access.crashPoints(role)).waiting.some(({ name }) => name === point),
      { what: `${role} to reach ${point}`, withinMs: WITHIN_MS, everyMs: 10 },
    );
  }

  async #committedSince(before: number, transactions: number): Promise<void> {
    await until(async () => (await this.access.committed()) >= before + transactions, {
      what: `${transactions} transactions to commit`,
      withinMs: WITHIN_MS,
      everyMs: 20,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.access[Symbol.asyncDispose]();
    await this.instance[Symbol.asyncDispose]();
  }
}
