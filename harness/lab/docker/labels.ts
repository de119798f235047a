/**
 * Labels of the lab's containers, networks and volumes; `docker-compose.yml` sets the same ones. Nothing that
 * lacks the run's id is ever touched.
 */
export const LABELS = {
  run: 'cdc-lab.run',
  /** Name of the service, as in {@link ServiceInfo}: `kafka`, `capture@lab`. */
  service: 'cdc-lab.service',
  kind: 'cdc-lab.kind',
  /** Its port inside its container. */
  port: 'cdc-lab.port',
  /** Its name on the network. A compose service goes by its service name. */
  alias: 'cdc-lab.alias',
  instance: 'cdc-lab.instance',
  /** `disks`: it keeps the run's limited volumes mounted, and is no service. */
  holds: 'cdc-lab.holds',
} as const;

/** Set by Compose itself. */
export const COMPOSE_SERVICE = 'com.docker.compose.service';

/** A filter as the Engine API takes it. */
export function ofRun(runId: string, more: Readonly<Record<string, string>> = {}): { label: string[] } {
  const wanted = Object.entries({ [LABELS.run]: runId, ...more });
  return { label: wanted.map(([key, value]) => `${key}=${value}`) };
}

/** The service's name in characters that DNS and container names allow. */
export function aliasOf(service: string): string {
  return service.replaceAll('@', '-');
}
