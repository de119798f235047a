import type { VerifierConfig } from '../../verifier/config.ts';
import { loadChecks } from '../../verifier/load-checks.ts';
import type { Report } from '../../verifier/report.ts';
import { VerifierMemory } from '../../verifier/verification/verifier-memory.ts';
import { verify } from '../../verifier/verification/verify.ts';

/** Verifications within this process, of a pipeline beside which no verifier of the lab's runs. */
export class VerifierHere {
  readonly #memory = new VerifierMemory();

  /** Never throws: what goes wrong is INCONCLUSIVE, with the reason. */
  async verify(config: VerifierConfig, deadlineMs: number, signal: AbortSignal): Promise<Report> {
    return verify({ config, checks: await loadChecks(), deadlineMs, signal, memory: this.#memory });
  }
}
