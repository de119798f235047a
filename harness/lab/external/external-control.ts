/**
 * `harness/lab/external`: a lab around a pipeline that other people run.
 * In: `cdc-lab.config.ts` or `.json`, and consent to break the target, if it is given.
 * Out: a `Lab` with one instance that can be looked at and, with consent, exercised.
 * Promises: without consent every session is read-only and nothing is written; no connection falls back to
 * plain text or an unverified certificate.
 */

import { rmSync } from 'node:fs';
import { Database } from '../../../verifier/connection/postgres.ts';
import { settleAll } from '../../settle-all.ts';
import { otherRuntime, runtimeIn } from '../choose-control.ts';
import { refuseCluster } from '../instance/brokers.ts';
import type { Lab, LabControl } from '../lab.ts';
import type { Proof } from '../runtime.ts';
import { holdLab } from '../state/lock.ts';
import { emptyStateDir, findStateDir, RUNS } from '../state/state-dir.ts';
import { ExternalLab } from './external-lab.ts';
import { lookAtTarget, mustAnswer } from './look-at-target.ts';
import { ownProcesses } from './own-processes.ts';
import { type Objection, objections } from './permission.ts';
import { type ExternalConfig, postgresUrl } from './target-config.ts';
import { loadExternalConfig } from './target-config-file.ts';

const QUICK_MS = 10_000;

/** The command line's options for an external target. */
export interface ExternalTarget {
  /** Path of the configuration. Null: the default file in this folder. */
  readonly config: string | null;
  /** `--i-own-this-target`. */
  readonly own: string | null;
}

/**
 * Heals what a killed run left broken, by the undo log in that folder. `open` connects to the target.
 * @throws if something cannot be healed.
 */
export type HealLeftovers = (stateDir: string, open: () => Promise<Lab>) => Promise<void>;

/**
 * The control of a lab around a pipeline that other people run. `up` checks whether it may be broken, and starts
 * nothing.
 */
export function externalControl(target: ExternalTarget, healLeftovers: HealLeftovers): LabControl {
  return {
    async up({ dir, progress, ...asked }) {
      refuseCluster(asked, 'external');
      const lab = await openExternal(target, dir);
      lab.mayBreak();
      progress(`${lab.config.source.database} at ${lab.config.source.host} is a target that may be broken`);
      return lab;
    },
    async down(dir) {
      const stateDir = ownFolder(dir);
      if (stateDir === undefined) return [];
      await using _held = await holdLab(stateDir);
      return await stopOwn(stateDir);
    },
    async clean(dir, keepRuns = false) {
      const stateDir = ownFolder(dir);
      if (stateDir === undefined) return;
      await using _held = await holdLab(stateDir);
      await stopOwn(stateDir);
      // The folder holds the only record of what is still broken.
      await healLeftovers(stateDir, () => openExternal(target, stateDir));
      if (keepRuns) emptyStateDir(stateDir, [RUNS]);
      else rmSync(stateDir, { recursive: true, force: true });
    },
    async open(dir): Promise<Lab> {
      // What another lab left broken is not healed on this target.
      ownFolder(dir);
      return await openExternal(target, dir);
    },
  };
}

/** The folder of an external lab; undefined if there is none. @throws if the folder belongs to another lab. */
function ownFolder(dir: string): string | undefined {
  const there = runtimeIn(dir);
  if (there !== undefined && there !== 'external') throw otherRuntime(dir, there, 'external');
  return findStateDir(dir);
}

/** Stops the lab's own workloads, and kills those without a record, whose starter was killed. */
async function stopOwn(stateDir: string): Promise<readonly Proof[]> {
  if (runtimeIn(stateDir) === undefined) return [];
  const { runtime } = ownProcesses(stateDir, '');
  await runtime.killUnrecorded();
  const left = (await runtime.services()).filter(({ state }) => state !== 'stopped' && state !== 'dead');
  return await settleAll(left.map(({ name }) => runtime.stop(name)));
}

/** @throws LabError if one of its services does not answer or refuses us, with the reason. */
export async function openExternal(target: ExternalTarget, dir: string): Promise<ExternalLab> {
  const { config } = await loadExternalConfig(target.config);
  mustAnswer(await lookAtTarget(config));
  return new ExternalLab(dir, config, await objectionsTo(config, target.own));
}

/** Every reason not to break that target. */
export async function objectionsTo(config: ExternalConfig, own: string | null): Promise<Objection[]> {
  await using source = await Database.connect('source', postgresUrl(config.source), QUICK_MS);
  return await objections(config, source, own);
}
