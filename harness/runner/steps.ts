import { randomUUID } from 'node:crypto';
import { LabError, messageOf } from '../../pipeline/contract/errors.ts';
import { unreachable } from '../../pipeline/contract/unreachable.ts';
import type { Access, TopicLag } from '../access/access.ts';
import type { Instance, Lab, StartedWorkload, WorkloadSpec } from '../lab/lab.ts';
import type { Evidence, Fault, FaultContext } from '../plugins/fault.ts';
import type { Step, Tunables } from '../plugins/scenario.ts';
import type { UndoLog } from '../undo/undo-log.ts';
import { until, withDeadline } from '../wait.ts';
import type { Journal } from './journal.ts';

/** The fault could not be shown to have taken effect, or could not be tried: no verdict can rest on it. */
export class NotProvenError extends LabError {
  constructor(fault: string, why: string, cause?: unknown) {
    super('CDC-5030', `the fault ${fault} was not shown to have taken effect: ${why}`, {
      remedy: 'the journal says what was observed',
      cause,
    });
    this.name = 'NotProvenError';
  }
}

export interface StepDeps {
  readonly lab: Lab;
  readonly instance: Instance;
  readonly access: Access;
  readonly journal: Journal;
  readonly undo: UndoLog;
  readonly loadFault: (name: string) => Promise<Fault>;
  readonly tunables: Tunables;
  readonly seed: number;
  /** Leave out every `inject`: a test that the proofs are worth something. */
  readonly noOp: boolean;
}

/** Longer than a request to a worker, shorter than one waits after Ctrl-C. */
const STEP_ENDS_WITHIN_MS = 20_000;

interface Injected {
  readonly id: string;
  readonly name: string;
  readonly fault: Fault;
  readonly params: Record<string, unknown>;
}

/** Does a scenario's steps on one instance, and undoes what they did. */
export class Steps {
  readonly #deps: StepDeps;
  readonly #workloads = new Map<string, StartedWorkload>();
  readonly #injected: Injected[] = [];
  /** Settles when the last step has ended, which may be long after its caller has given it up. */
  #underWay: Promise<unknown> = Promise.resolve();
  /** Per fault, what was seen: the `proof` of the result. */
  readonly evidence: Record<string, Evidence> = {};
  readonly proven: string[] = [];
  readonly healed: string[] = [];

  constructor(deps: StepDeps) {
    this.#deps = deps;
  }

  async startWorkload(name: string, spec: WorkloadSpec): Promise<void> {
    const started = await this.#deps.instance.startWorkload(spec);
    this.#workloads.set(name, started);
    // Awaited where a step asks for it; a rejection before that must not end the process.
    started.finished.catch(() => undefined);
    this.#note(`workload ${name} started`, { ...spec });
  }

  async stopWorkload(name: string): Promise<void> {
    const workload = this.#workloads.get(name);
    if (workload === undefined) return;
    this.#workloads.delete(name);
    this.#note(`workload ${name} stopped`, { ...(await workload.stop()) });
  }

  async stopWorkloads(): Promise<void> {
    for (const name of [...this.#workloads.keys()]) await this.stopWorkload(name);
  }

  /** @throws NotProvenError, or the error of a wait that was in vain. */
  run(step: Step, signal: AbortSignal, withinMs: number): Promise<void> {
    const work = this.#do(step, signal, withinMs);
    this.#underWay = work.catch(() => undefined);
    return work;
  }

  async #do(step: Step, signal: AbortSignal, withinMs: number): Promise<void> {
    switch (step.do) {
      case 'fault':
        return this.#inject(step.fault, step.with, signal, withinMs);
      case 'start-workload': {
        const { kind, rate, transactions } = step;
        const rows = step.rows === 'tunable' ? { rows: this.#deps.tunables.rows } : {};
        return this.startWorkload(step.as, { kind, rate, transactions, seed: this.#deps.seed + 1, ...rows });
      }
      case 'finish-workload':
        return this.#finishWorkload(step.as, signal, withinMs);
      case 'stop-workload':
        return this.stopWorkload(step.as);
      case 'until-committed':
        return this.#untilCommitted(step.transactions, signal, withinMs);
      case 'until-behind':
        return this.#untilBehind(step.events, signal, withinMs);
      case 'until-caught-up':
        return this.untilCaughtUp(signal, withinMs);
      case 'expect-verdict': {
        const report = await this.#deps.access.verify({ deadlineMs: 1000, signal });
        this.#deps.journal.write({ t: 'verification', verdict: report.verdict, report });
        if (report.verdict === step.verdict) return;
        throw new LabError('CDC-5031', `the verifier said ${report.verdict} where ${step.verdict} is right`, {
          remedy: 'the report is in the journal',
        });
      }
      default:
        return unreachable(step, 'step');
    }
  }

  /**
   * Heals what was injected, latest first, and goes on past a heal that fails; the failures are returned.
   * A step that was given up ends before: what it injects after the heal would stay. Where it does not end in time, what
   * is healed stays in the undo log, for the next command to heal again.
   */
  async healAll(signal: AbortSignal, withinMs: number): Promise<unknown[]> {
    const failures = await this.#underWayEnds(signal, Math.min(withinMs, STEP_ENDS_WITHIN_MS));
    const overtaken = failures.length > 0;
    for (const injected of this.#injected.splice(0).reverse()) {
      const { id, name, fault, params } = injected;
      try {
        const context = this.#context(signal, withinMs);
        const healed = await withDeadline(`${name} to heal`, withinMs, signal, (inner) =>
          fault.heal({ ...context, signal: inner }, params),
        );
        if (!overtaken) this.#deps.undo.done(id);
        this.healed.push(healed.said);
        this.#deps.journal.write({ t: 'fault-healed', fault: name, ...healed });
      } catch (error) {
        failures.push(error);
        this.#deps.journal.write({ t: 'heal-failed', fault: name, error: messageOf(error) });
      }
    }
    return failures;
  }

  /** The failure, where the step that was given up goes on for longer than that. */
  async #underWayEnds(signal: AbortSignal, withinMs: number): Promise<unknown[]> {
    try {
      await withDeadline('the step that was given up to end', withinMs, signal, () => this.#underWay);
      return [];
    } catch (error) {
      this.#note('a step that was given up goes on', { error: messageOf(error) });
      return [error];
    }
  }

  /** Until everything written by now is past the slot and past the consumer group. */
  async untilCaughtUp(signal: AbortSignal, withinMs: number): Promise<void> {
    const { access, journal } = this.#deps;
    const target = await currentLsn(access);
    const flushed = () => slotReached(access, this.#deps.instance.slot, target);
    await until(flushed, { what: `the slot to confirm ${target}`, withinMs, signal });
    this.#note('the slot has confirmed', { lsn: target });
    const ends = await access.lagByPartition();
    const applied = async () => {
      const now = new Map(
        (await access.lagByPartition()).map((lag) => [partitionKey(lag), lag.committed ?? 0n]),
      );
      const short = ends.map((lag) => Number(lag.end - (now.get(partitionKey(lag)) ?? 0n)));
      const left = short.reduce((sum, events) => sum + Math.max(0, events), 0);
      journal.write({ t: 'progress', what: 'events to catch up with', value: left, target: null });
      return left === 0;
    };
    await until(applied, { what: 'the consumer group to get to the ends of its topics', withinMs, signal });
    this.#note('caught up', { lsn: target });
  }

  async #finishWorkload(name: string, signal: AbortSignal, withinMs: number): Promise<void> {
    const workload = this.#workloads.get(name);
    if (workload === undefined) return;
    const summary = await withDeadline(`workload ${name} to end`, withinMs, signal, () => workload.finished);
    this.#workloads.delete(name);
    this.#note(`workload ${name} ended`, { ...summary });
  }

  async #untilCommitted(transactions: number, signal: AbortSignal, withinMs: number): Promise<void> {
    const before = await this.#deps.access.committed();
    const what = `${transactions} more transactions to be committed`;
    const enough = async () => {
      const more = (await this.#deps.access.committed()) - before;
      return more >= transactions ? more : undefined;
    };
    this.#note('committed', { transactions: await until(enough, { what, withinMs, signal }) });
  }

  async #untilBehind(events: number, signal: AbortSignal, withinMs: number): Promise<void> {
    const { access, journal, tunables } = this.#deps;
    const start = performance.now();
    const behind = async () => {
      const lag = (await access.lag()).events;
      journal.write({ t: 'progress', what: 'events behind', value: lag, target: events });
      const held = performance.now() - start >= tunables.seconds * 1000;
      return lag >= events && held ? lag : undefined;
    };
    const what = `the sink to be ${events} events behind`;
    const lag = await until(behind, { what, withinMs, everyMs: 250, signal });
    this.evidence['consumer-lag'] = { eventsBehind: lag };
    this.#note('behind', { events: lag, heldMs: Math.round(performance.now() - start) });
  }

  async #inject(
    name: string,
    given: Readonly<Record<string, unknown>>,
    signal: AbortSignal,
    withinMs: number,
  ): Promise<void> {
    const { lab, instance, journal, undo, loadFault, noOp } = this.#deps;
    const fault = await loadFault(name);
    const lacking = fault.needs.filter((capability) => lab.runtime[capability] === undefined);
    if (lacking.length > 0) {
      const why = `not run, the ${lab.runtime.name} runtime cannot ${lacking.join(', ')}`;
      journal.write({ t: 'fault-not-proven', fault: name, reason: why });
      throw new NotProvenError(name, why);
    }
    const params = fault.params.parse(given);
    const context = this.#context(signal, withinMs);
    const before = await fault.observe(context, params);
    // Given up meanwhile: the heal may be over, and would know nothing of it.
    signal.throwIfAborted();
    const id = randomUUID();
    undo.pending({ id, instance: instance.name, fault: name, params });
    this.#injected.push({ id, name, fault, params });
    journal.write({ t: 'undo-written', id, fault: name });
    const done = noOp ? {} : await fault.inject(context, params);
    journal.write({ t: 'fault-injected', fault: name, noOp, evidence: { before, ...done } });
    const seen = await fault.prove(noOp ? { ...context, withinMs: 2000 } : context, params, before);
    if (seen === undefined) {
      const reason = 'nothing of it was observed';
      journal.write({ t: 'fault-not-proven', fault: name, reason });
      throw new NotProvenError(name, reason);
    }
    this.evidence[name] = { ...done, ...seen };
    this.proven.push(name);
    journal.write({ t: 'fault-proven', fault: name, evidence: seen });
  }

  #context(signal: AbortSignal, withinMs: number): FaultContext {
    const { lab, instance, access } = this.#deps;
    return { lab, instance, access, signal, withinMs };
  }

  #note(step: string, detail: Evidence): void {
    this.#deps.journal.write({ t: 'step', step, detail });
  }
}

/**
 * Where the source's WAL is written to by now, as PostgreSQL prints an LSN. What is written behind it, a logical
 * message, lets a capture get past it that confirms nothing but events, as Debezium does: else an idle one never would.
 */
async function currentLsn(access: Access): Promise<string> {
  const [row] = await access.query('source', 'SELECT pg_current_wal_lsn()::text AS lsn');
  await access.query('source', `SELECT pg_logical_emit_message(true, 'cdc-lab.caught-up', '')`);
  return String(row?.lsn);
}

async function slotReached(access: Access, slot: string, lsn: string): Promise<boolean> {
  const [row] = await access.query(
    'source',
    'SELECT confirmed_flush_lsn >= $2::pg_lsn AS reached FROM pg_replication_slots WHERE slot_name = $1',
    [slot, lsn],
  );
  return row?.reached === true;
}

const partitionKey = (lag: TopicLag): string => `${lag.topic}/${lag.partition}`;
