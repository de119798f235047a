import { LabError } from '../../../pipeline/contract/errors.ts';
import { engineOf, needsConnect, OWN_ENGINES } from '../engines.ts';
import { isOrphan, isUnfinished } from '../instance/leftovers.ts';
import { RecordedLab } from '../instance/recorded-lab.ts';
import { type InstanceSpec, PRIVATE_SERVERS } from '../lab.ts';
import type { InstanceRecord } from '../state/run-file.ts';
import { setAlertLag, upgrade } from './adjust-instance.ts';
import { ensureEngines } from './fetch-engines.ts';
import { buildInstance, dropInstance, instanceHandle } from './process-instance.ts';
import type { ProcessLabContext } from './process-runtime.ts';

/** Also the instance `lab` is left, if it never got ready: nothing but `up` makes it, and that holds the lab. */
export function isLeft(record: InstanceRecord): boolean {
  return isOrphan(record) || isUnfinished(record);
}

/** A lab of the process runtime. */
export function processLab(context: ProcessLabContext): RecordedLab {
  return new RecordedLab(context, {
    privateServers: PRIVATE_SERVERS,
    async prepare(spec, signal) {
      refuseForeignDefects(spec);
      if (needsConnect(spec.engines ?? OWN_ENGINES)) await ensureEngines(() => undefined, signal);
    },
    build: (record, signal) => buildInstance(context, record, signal),
    drop: (name) => dropInstance(context, name),
    isLeft,
    async endStrays() {
      const pids = await context.runtime.killUnrecorded();
      return pids.length === 0 ? [] : [`ended ${pids.length} processes left by a command that was killed`];
    },
    handle: (record) => instanceHandle(context, record),
    setAlertLag: (record, events) => setAlertLag(context, record, events),
    upgrade: (record) => upgrade(context, record),
  });
}

/** @throws LabError CDC-5143 if a defect is to be planted in an engine that takes none. */
function refuseForeignDefects({ defects = {}, engines = OWN_ENGINES }: InstanceSpec): void {
  for (const [role, names] of [
    ['source', defects.capture],
    ['sink', defects.sink],
  ] as const) {
    const engine = engineOf(role, engines);
    if (engine.defects || names === undefined || names.length === 0) continue;
    throw new LabError('CDC-5143', `${names.join(', ')} cannot be planted in ${engine.title}.`, {
      remedy: 'Defects can be planted in the TypeScript pipeline only.',
    });
  }
}
