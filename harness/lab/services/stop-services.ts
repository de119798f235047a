import { settleAll } from '../../settle-all.ts';
import type { Proof, ServiceInfo } from '../runtime.ts';

/** Writers first, servers last: each finds its peers alive while it ends. */
const STAGES: readonly (readonly ServiceInfo['kind'][])[] = [
  ['workload', 'verifier'],
  ['worker'],
  ['postgres', 'kafka'],
];

export async function stopServices(
  runtime: { stop(service: string): Promise<Proof> },
  services: readonly ServiceInfo[],
): Promise<Proof[]> {
  const proofs: Proof[] = [];
  for (const kinds of STAGES) {
    const stage = services.filter((service) => kinds.includes(service.kind));
    proofs.push(...(await settleAll(stage.map((service) => runtime.stop(service.name)))));
  }
  return proofs;
}
