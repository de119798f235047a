import { chownSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { type EnginePair, engineOf, OWN_ENGINES } from '../engines.ts';
import type { LabContext } from '../instance/lab-context.ts';
import { LAB_INSTANCE } from '../state/record-instance.ts';
import type { Run } from '../state/run-file.ts';
import { type ComposeProject, labImage } from './compose.ts';
import type { DockerRuntime } from './docker-runtime.ts';

/** What everything that works on one lab of containers needs. */
export interface DockerLabContext extends LabContext<DockerRuntime> {
  /** Size that the servers' volumes are limited to; null: unlimited. */
  readonly diskLimit: string | null;
}

/** Where every worker and verifier listens, in a container of its own. */
export const INSIDE_PORT = 8083;

/** The user of the lab's own image. */
const IMAGE_UID = 1000;

/** Whom the lab's containers run as: whoever runs the lab, so that its files are theirs; never root. */
export function containerUser(): { readonly uid: number; readonly gid: number } {
  const uid = process.getuid?.() ?? IMAGE_UID;
  return uid === 0 ? { uid: IMAGE_UID, gid: IMAGE_UID } : { uid, gid: process.getgid?.() ?? uid };
}

/** Gives a folder and all that is in it to the containers' user. Where the lab does not run as root, it is theirs. */
export function giveToContainers(path: string): void {
  if (process.getuid?.() !== 0) return;
  const { uid, gid } = containerUser();
  chownSync(path, uid, gid);
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    const inside = join(path, entry.name);
    if (entry.isDirectory()) giveToContainers(inside);
    else chownSync(inside, uid, gid);
  }
}

/** Folder of the standing pipeline on this machine; its containers have it as `/lab`. */
export function standingFolder(stateDir: string): string {
  return join(stateDir, 'instances', LAB_INSTANCE);
}

/**
 * What makes the file's standing pipeline one of these engines: the services that host them, and the lab's own workers
 * only where they do. Nothing of the shell's own: each variable is set.
 */
export function standingPair(engines: EnginePair): Record<string, string> {
  const { source, sink } = engines;
  const foreign = (['source', 'sink'] as const).filter((role) => engineOf(role, engines).host === 'connect');
  const isForeign = (role: 'source' | 'sink') => foreign.includes(role);
  return {
    // A profile has the name of the engine that it brings.
    COMPOSE_PROFILES: foreign.map((role) => engines[role]).join(','),
    CDC_LAB_SOURCE: source,
    CDC_LAB_SOURCE_URL: `http://${isForeign('source') ? 'connect-source' : 'capture'}:${INSIDE_PORT}`,
    CDC_LAB_CAPTURE_WORKERS: isForeign('source') ? '0' : '1',
    CDC_LAB_SINK: sink,
    CDC_LAB_SINK_URL: `http://${isForeign('sink') ? 'connect-sink' : 'sink'}:${INSIDE_PORT}`,
    CDC_LAB_SINK_WORKERS: isForeign('sink') ? '0' : '1',
  };
}

/** How `docker-compose.yml` is run for this lab: the ports, the password and the folder that are the lab's own. */
export function projectOf({ stateDir, password, diskLimit }: DockerLabContext, run: Run): ComposeProject {
  const { uid, gid } = containerUser();
  const lab = run.instances[LAB_INSTANCE];
  const ports = {
    SOURCE: run.ports.pgSource,
    SINK: run.ports.pgSink,
    KAFKA: run.ports.kafkaClient,
    CAPTURE: lab?.ports.capture,
    SINK_WORKER: lab?.ports.sink,
    VERIFIER: lab?.ports.verifier,
  };
  const asked = Object.entries(ports).map(([name, port]) => [`CDC_LAB_PORT_${name}`, String(port ?? '')]);
  return {
    name: `cdc-lab-${run.runId}`,
    diskLimit,
    env: {
      ...Object.fromEntries(asked),
      CDC_LAB_RUN: run.runId,
      CDC_LAB_PASSWORD: password,
      CDC_LAB_USER: `${uid}:${gid}`,
      CDC_LAB_STATE: standingFolder(stateDir),
      CDC_LAB_IMAGE_LAB: labImage().name,
      ...standingPair(lab?.spec.engines ?? OWN_ENGINES),
      CDC_LAB_SEED: String(lab?.spec.seed ?? ''),
      CDC_LAB_ROWS: String(lab?.spec.seedRows ?? ''),
    },
  };
}
