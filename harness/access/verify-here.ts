import type { VerifierConfig } from '../../verifier/config.ts';
import { loadChecks } from '../../verifier/load-checks.ts';
import type { Report } from '../../verifier/report.ts';
import { VerifierMemory } from '../../verifier/verification/verifier-memory.ts';
import { verify } from '../../verifier/verification/verify.ts';

/** Verifies within this process a pipeline beside which the lab runs no verifier. */
export class VerifierHere {
  readonly #memory: VerifierMemory;

  /** @param stateDir Folder in which what is remembered outlives this process; null: it does not. */
  constructor(stateDir: string | null) {
    this.#memory = new VerifierMemory(stateDir);
  }

  /** Never throws: an error makes the verdict INCONCLUSIVE, with the reason. */
  async verify(config: VerifierConfig, deadlineMs: number, signal: AbortSignal): Promise<Report> {
    return verify({ config, checks: await loadChecks(), deadlineMs, signal, memory: this.#memory });
  }
}
