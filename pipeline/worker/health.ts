import type { ComponentHealth, Health } from '../contract/health.ts';

/** Answer of `GET /health`. */
export interface WorkerHealth {
  /** The worst health of all components. */
  readonly status: Health;
  readonly components: readonly ComponentHealth[];
}

/**
 * Health of a worker, from its own part and those of its connectors by name. Theirs are listed as `CONNECTOR/PART`.
 */
export function workerHealth(
  own: ComponentHealth,
  parts: Iterable<readonly [connector: string, parts: readonly ComponentHealth[]]>,
): WorkerHealth {
  const components = [own];
  for (const [connector, all] of parts) {
    for (const part of all) components.push({ ...part, component: `${connector}/${part.component}` });
  }
  const has = (health: Health) => components.some((component) => component.health === health);
  return { status: has('failed') ? 'failed' : has('degraded') ? 'degraded' : 'ok', components };
}
