import type { Proof } from './runtime.ts';

/** Of what was done to a service just now. */
export function proof(action: string, service: string, evidence: Record<string, unknown>): Proof {
  return { action, service, at: new Date().toISOString(), evidence };
}
