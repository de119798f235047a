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

/** Generous, for a machine under load. What is measured is printed, and usually far below. */
const WITHIN_MS = 60_000;
const VERIFY_WITHIN_MS = 60_000;

const healthSchema = z.object({
  status: z.enum(['ok', 'degraded', 'failed']),
  components: z.array(z.object({ component: z.string(), health: z.string(), detail: z.string() })),
});
export type WorkerHealth = z.infer<typeof healthSchema>;

/** A lab with its own servers, for all the drills of a test file. */
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

/** One pipeline, with what a drill does to it and checks about it. */
export interface Drill extends AsyncDisposable {
  readonly instance: Instance;
  readonly access: Access;
  readonly runtime: Required<Runtime>;
  source(sql: string, params?: readonly unknown[]): Promise<Record<string, unknown>[]>;
  sink(sql: string, params?: readonly unknown[]): Promise<Record<string, unknown>[]>;
  /** A separate connection, for overlapping transactions. */
  connection(side: Side): Promise<pg.Client & AsyncDisposable>;
  /** Runs `work` during a workload of about 100 transactions/s, ends the workload, and expects {@link pass}. */
  underLoad(seed: number, work: () => Promise<void>): Promise<Report>;
  /** Writes a row and waits until it is in the sink. @returns milliseconds. */
  roundTrip(): Promise<number>;
  /** A full verification at rest, which must give PASS with a complete ledger. */
  pass(): Promise<Report>;
  health(role: WorkerRole): Promise<WorkerHealth>;
  /** SIGKILL, with its proof: pids gone, port refused. The service is not started again. */
  kill(service: string): Promise<void>;
  /** Kills the worker at that crash point and starts it again. @param then Makes the worker get there. */
  killAt(role: WorkerRole, point: CrashPoint, skip: number, then?: () => Promise<void>): Promise<void>;
  /** Resolves when the worker waits at that crash point. */
  waitAt(role: WorkerRole, point: CrashPoint): Promise<void>;
}

/** Starts a lab in a test folder. */
export async function startDrillLab({ brokers = 1 } = {}): Promise<DrillLab> {
  const parent = makeTestFolder();
  const dir = join(parent, 'lab');
  await using started = new AsyncDisposableStack();
  started.defer(async () => {
    await labControl.clean(dir);
    rmSync(parent, { recursive: true, force: true });
  });
  const lab = await labControl.up({
    dir,
    rate: 0,
    seed: 1,
    brokers,
    withInstance: false,
    progress: () => undefined,
  });
  const runtime = complete(lab.runtime);
  const stop = started.move();
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
    [Symbol.asyncDispose]: () => stop.disposeAsync(),
  };
}

/** @throws where the runtime lacks something that a drill needs. */
function complete(runtime: Runtime): Required<Runtime> {
  const { kill, pause, resume, start, stop } = runtime;
  if (!kill || !pause || !resume || !start || !stop)
    throw new Error(`the ${runtime.name} runtime cannot do everything that a drill needs`);
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
      what: 'a row to get from source to sink',
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
      what: `${transactions} transactions to be committed`,
      withinMs: WITHIN_MS,
      everyMs: 20,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await using _instance = this.instance;
    await using _access = this.access;
  }
}
