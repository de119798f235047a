import { rmSync } from 'node:fs';
import { Database } from '../../../verifier/postgres.ts';
import { refuseCluster } from '../brokers.ts';
import { otherRuntime, runtimeIn } from '../choose-control.ts';
import type { Lab, LabControl } from '../instance.ts';
import { settleAll } from '../standing-instance.ts';
import { findStateDir } from '../state-dir.ts';
import { type ExternalConfig, postgresUrl } from './config.ts';
import { loadExternalConfig } from './config-file.ts';
import { ExternalLab } from './external-lab.ts';
import { lookAtTarget, mustAnswer } from './look.ts';
import { ownProcesses } from './own-processes.ts';
import { type Objection, objections } from './permission.ts';

const QUICK_MS = 10_000;

/** What the command line says of a target that somebody else runs. */
export interface ExternalTarget {
  /** Null: the file of that name in this folder. */
  readonly config: string | null;
  /** `--i-own-this-target`. */
  readonly own: string | null;
}

/** A lab around a pipeline that somebody else runs: `up` asks whether it may be broken, and starts nothing. */
export function externalControl(target: ExternalTarget): LabControl {
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
      const { runtime } = ownProcesses(stateDir, '');
      const left = (await runtime.services()).filter(({ state }) => state !== 'stopped' && state !== 'dead');
      return settleAll(left.map(({ name }) => runtime.stop(name)));
    },
    async clean(dir) {
      await this.down(dir);
      const stateDir = ownFolder(dir);
      if (stateDir !== undefined) rmSync(stateDir, { recursive: true, force: true });
    },
    open: (dir): Promise<Lab> => openExternal(target, dir),
  };
}

/** The folder of a lab around such a pipeline; undefined where there is none. @throws where it is another lab's. */
function ownFolder(dir: string): string | undefined {
  const there = runtimeIn(dir);
  if (there !== undefined && there !== 'external') throw otherRuntime(dir, there, 'external');
  return there === undefined ? undefined : findStateDir(dir);
}

/** @throws LabError where one of its services does not answer, or refuses us: with the reason. */
export async function openExternal(target: ExternalTarget, dir: string): Promise<ExternalLab> {
  const { config } = await loadExternalConfig(target.config);
  mustAnswer(await lookAtTarget(config));
  return new ExternalLab(dir, config, await objectionsTo(config, target.own));
}

/** All that speaks against breaking that target. */
export async function objectionsTo(config: ExternalConfig, own: string | null): Promise<Objection[]> {
  await using source = await Database.connect('source', postgresUrl(config.source), QUICK_MS);
  return await objections(config, source, own);
}
