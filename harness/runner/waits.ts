import type { Finding, Report } from '../../verifier/report.ts';
import type { Access, TopicLag } from '../access/access.ts';
import type { Instance } from '../lab/lab.ts';
import type { Evidence } from '../plugins/fault.ts';
import type { Tunables } from '../plugins/scenario.ts';
import { until } from '../wait.ts';
import type { Journal } from './journal.ts';

export interface WaitDeps {
  readonly instance: Instance;
  readonly access: Access;
  readonly journal: Journal;
  readonly tunables: Tunables;
}

/** Bounds of one wait: the signal that cancels it, and how long it may take. */
export interface Bounds {
  readonly signal: AbortSignal;
  readonly withinMs: number;
}

/** Limit of one verification within a wait: it need not wait for the pipeline to catch up. */
const ALERT_CALL_MS = 1_000;

/** The steps of a scenario that wait for a condition of the pipeline. Each throws a DeadlineError when it is not met. */
export class Waits {
  readonly #deps: WaitDeps;

  constructor(deps: WaitDeps) {
    this.#deps = deps;
  }

  /** Until the slot and the consumer group have passed everything written so far. */
  async untilCaughtUp({ signal, withinMs }: Bounds): Promise<void> {
    const { access, instance, journal } = this.#deps;
    const target = await currentLsn(access);
    const flushed = () => slotReached(access, instance.slot, target);
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

  async untilCommitted(transactions: number, bounds: Bounds): Promise<void> {
    const { access } = this.#deps;
    const before = await access.committed();
    const enough = async () => {
      const more = (await access.committed()) - before;
      return more >= transactions ? more : undefined;
    };
    const what = `${transactions} more transactions to be committed`;
    this.#note('committed', { transactions: await until(enough, { what, ...bounds }) });
  }

  /** Until the sink is that far behind, and at least for the seconds asked for. @returns How far the sink was behind. */
  async untilBehind(events: number, bounds: Bounds): Promise<Evidence> {
    const { access, journal, tunables } = this.#deps;
    const start = performance.now();
    const behind = async () => {
      const lag = (await access.lag()).events;
      journal.write({ t: 'progress', what: 'events behind', value: lag, target: events });
      const held = performance.now() - start >= tunables.seconds * 1000;
      return lag >= events && held ? lag : undefined;
    };
    const what = `the sink to be ${events} events behind`;
    const lag = await until(behind, { what, everyMs: 250, ...bounds });
    this.#note('behind', { events: lag, heldMs: Math.round(performance.now() - start) });
    return { eventsBehind: lag };
  }

  /**
   * Until the verifier's lag alert fires, or clears.
   * @returns What was seen; null, without a wait, if the scenario cannot set the bound.
   */
  async untilLagAlert(is: 'firing' | 'cleared', bounds: Bounds): Promise<Evidence | null> {
    const { access, instance, journal } = this.#deps;
    const { alertLag } = instance;
    if (alertLag === undefined) {
      this.#note('the lag alert is not shown', { why: 'its bound cannot be lowered here' });
      return null;
    }
    const start = performance.now();
    let report: Report | undefined;
    const reached = async () => {
      report = await access.verify({ deadlineMs: ALERT_CALL_MS, signal: bounds.signal });
      const alert = lagAlertOf(report);
      return (alert !== undefined) === (is === 'firing') ? { alert } : undefined;
    };
    const what = is === 'firing' ? 'the lag alert to fire' : 'the lag alert to clear';
    const { alert } = await until(reached, { what, everyMs: 250, ...bounds });
    if (report !== undefined) journal.write({ t: 'verification', verdict: report.verdict, report });
    if (alert === undefined) {
      const evidence = { clearedAfterMs: Math.round(performance.now() - start) };
      this.#note('the lag alert has cleared', evidence);
      return evidence;
    }
    const evidence = { alertsFrom: alertLag, firedAt: alert.count, verdict: report?.verdict };
    this.#note('the lag alert fires', evidence);
    return evidence;
  }

  #note(step: string, detail: Evidence): void {
    this.#deps.journal.write({ t: 'step', step, detail });
  }
}

function lagAlertOf({ findings }: Report): Finding | undefined {
  return findings.find((finding) => finding.check === 'consumer-lag' && finding.class === 'alert');
}

/**
 * The source's current WAL position, as PostgreSQL prints an LSN. A logical message after it gives a capture that
 * confirms only events, such as Debezium, something to confirm; an idle one would never get past the position.
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
