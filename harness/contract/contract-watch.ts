import { unreachable } from '../../pipeline/contract/unreachable.ts';
import type { Finding } from '../../verifier/report.ts';
import type { Verdict } from '../../verifier/verdict.ts';
import type { Access } from '../access/access.ts';
import type { Instance, Lab, WorkloadSummary } from '../lab/lab.ts';
import type { Clause } from '../plugins/clause.ts';
import type { StallSeen, StopSeen, UnsaidSeen } from '../plugins/ends.ts';
import type { Tunables } from '../plugins/scenario.ts';
import { comparesRows, judgeClause } from './contract.ts';
import type { ClauseResult } from './judge-figures.ts';
import { type Baseline, takeBaseline } from './judge-rows.ts';
import { probesFor } from './probes.ts';
import { Sampler } from './sampler.ts';
import { stallFindings, unsaidFinding } from './stall.ts';
import { stopFindings } from './stop.ts';

export interface ContractDeps {
  readonly clauses: readonly Clause[];
  readonly access: Access;
  readonly lab: Lab;
  readonly instance: Instance;
  readonly tunables: Tunables;
}

/** What the contract makes of a run. */
export interface ContractVerdict {
  readonly findings: readonly Finding[];
  readonly clauses: readonly ClauseResult[];
  /** The first clause about which nothing was seen; null: all were judged. */
  readonly unjudged: Clause | null;
}

/** How the pipeline got on after it was broken, as far as a step waited for it. */
export type Ended = 'unknown' | 'stopped' | 'stuck' | 'caught-up';

/** Watches one run for its contract: samples from the steady state on, keeps what the steps saw, judges at the end. */
export class ContractWatch implements AsyncDisposable {
  readonly #deps: ContractDeps;
  #sampler = new Sampler(new Map());
  #baseline: Baseline | null = null;
  readonly stops: StopSeen[] = [];
  readonly #stalls: StallSeen[] = [];
  readonly #unsaid: UnsaidSeen[] = [];

  constructor(deps: ContractDeps) {
    this.#deps = deps;
  }

  /** To be called in the steady state: what is seen now is what a bound on growth starts from. */
  begin(): void {
    this.#sampler = new Sampler(probesFor(this.#deps.clauses, this.#deps));
  }

  /** To be called before each fault: rows are compared with those from before the first. */
  async beforeFault(): Promise<void> {
    const { clauses, access, instance } = this.#deps;
    this.#baseline ??= await takeBaseline(clauses, access, instance);
  }

  keepStop(seen: StopSeen): void {
    this.stops.push(seen);
  }

  keepStall(seen: StallSeen): void {
    this.#stalls.push(seen);
  }

  keepUnsaid(seen: UnsaidSeen): void {
    this.#unsaid.push(seen);
  }

  /** `stuck`: it had to stop and did not, or it stands still, so that catching up is not worth a long wait. */
  get ended(): Ended {
    if (this.stops.some(({ stopped }) => !stopped)) return 'stuck';
    if (this.stops.length > 0) return 'stopped';
    const last = this.#stalls.at(-1)?.end;
    switch (last) {
      case undefined:
      case 'moving':
        return 'unknown';
      case 'stalled':
      case 'unanswered':
        return 'stuck';
      case 'failed':
        return 'stopped';
      case 'caught-up':
        return 'caught-up';
      default:
        return unreachable(last, 'end of a wait');
    }
  }

  /** @param verdict The verifier's: where it found something wrong, rows are not compared once more. */
  async judge(verdict: Verdict, writes: WorkloadSummary, signal: AbortSignal): Promise<ContractVerdict> {
    const { clauses: all, access, instance, tunables } = this.#deps;
    await this.#sampler.look();
    const sampled = this.#sampler;
    const own = { baseline: this.#baseline, sampled, stops: this.stops };
    const seen = { access, instance, tunables, ...own, writes, signal };
    const clauses: ClauseResult[] = [];
    for (const clause of all) {
      if (comparesRows(clause) && verdict !== 'PASS') continue;
      clauses.push(await judgeClause(clause, seen));
    }
    const waits = [
      ...this.stops.flatMap(stopFindings),
      ...this.#stalls.flatMap(stallFindings),
      ...this.#unsaid.map(unsaidFinding),
    ];
    const findings = [...waits, ...clauses.flatMap(({ finding }) => finding ?? [])];
    const unjudged = clauses.find(({ holds }) => holds === null)?.clause ?? null;
    return { findings, clauses, unjudged };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#sampler[Symbol.asyncDispose]();
  }
}
