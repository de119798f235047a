import { chownSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { type EnginePair, engineOf, OWN_ENGINES } from '../engines.ts';
import type { LabContext } from '../instance/lab-context.ts';
import { LAB_INSTANCE } from '../state/record-instance.ts';
import type { Run } from '../state/run-file.ts';
import { type ComposeProject, labImage } from './compose.ts';
import type { DockerRuntime } from './docker-runtime.ts';

/** A lab of containers, as everything that works on it is given it. */
export interface DockerLabContext extends LabContext<DockerRuntime> {
  /** Size that the servers' volumes are limited to; null: unlimited. */
  readonly diskLimit: string | null;
}

/** The port on which every worker and verifier listens inside its container. */
export const INSIDE_PORT = 8083;

/** The user of the lab's own image. */
const IMAGE_UID = 1000;

/** The user that the lab's containers run as: the caller, who then owns the files they write; never root. */
export function containerUser(): { readonly uid: number; readonly gid: number } {
  const uid = process.getuid?.() ?? IMAGE_UID;
  return uid === 0 ? { uid: IMAGE_UID, gid: IMAGE_UID } : { uid, gid: process.getgid?.() ?? uid };
}

/** Makes the containers' user the owner of a folder and everything in it. Needed only if the lab runs as root. */
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

/** Folder of the standing pipeline on this machine, mounted in its containers as `/lab`. */
export function standingFolder(stateDir: string): string {
  return join(stateDir, 'instances', LAB_INSTANCE);
}

/**
 * Variables that give the standing pipeline of `docker-compose.yml` these engines: the Connect services that host
 * them, or the lab's own workers. Every variable is set, so that none is taken from the shell.
 */
export function standingPair(engines: EnginePair): Record<string, string> {
  const { source, sink } = engines;
  const foreign = (['source', 'sink'] as const).filter((role) => engineOf(role, engines).host === 'connect');
  const isForeign = (role: 'source' | 'sink') => foreign.includes(role);
  return {
    // A profile is named after its engine.
    COMPOSE_PROFILES: foreign.map((role) => engines[role]).join(','),
    CDC_LAB_SOURCE: source,
    CDC_LAB_SOURCE_URL: `http://${isForeign('source') ? 'connect-source' : 'capture'}:${INSIDE_PORT}`,
    CDC_LAB_CAPTURE_WORKERS: isForeign('source') ? '0' : '1',
    CDC_LAB_SINK: sink,
    CDC_LAB_SINK_URL: `http://${isForeign('sink') ? 'connect-sink' : 'sink'}:${INSIDE_PORT}`,
    CDC_LAB_SINK_WORKERS: isForeign('sink') ? '0' : '1',
  };
}

/** How `docker-compose.yml` is run for this lab: with its own ports, password and folder. */
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
