/**
 * What the lab's containers, networks and volumes carry. `docker-compose.yml` gives the same ones. Nothing that lacks
 * the run's id is ever touched.
 */
export const LABELS = {
  run: 'cdc-lab.run',
  /** Name of the service, as in {@link ServiceInfo}: `kafka`, `capture@lab`. */
  service: 'cdc-lab.service',
  kind: 'cdc-lab.kind',
  /** The port that it answers at inside its container. */
  port: 'cdc-lab.port',
  /** What its peers call it; of a compose service it is the service's name. */
  alias: 'cdc-lab.alias',
  instance: 'cdc-lab.instance',
  /** `disks`: it keeps the run's limited volumes mounted, and is no service. */
  holds: 'cdc-lab.holds',
} as const;

/** Compose's own. */
export const COMPOSE_SERVICE = 'com.docker.compose.service';

/** A filter as the Engine API takes it. */
export function ofRun(runId: string, more: Readonly<Record<string, string>> = {}): { label: string[] } {
  const wanted = Object.entries({ [LABELS.run]: runId, ...more });
  return { label: wanted.map(([key, value]) => `${key}=${value}`) };
}

/** As the network's name server and container names can carry it. */
export function aliasOf(service: string): string {
  return service.replaceAll('@', '-');
}
