import { refuseCluster } from '../instance/brokers.ts';
import { isOrphan, isUnfinished } from '../instance/leftovers.ts';
import { RecordedLab } from '../instance/recorded-lab.ts';
import { LAB_INSTANCE } from '../state/record-instance.ts';
import type { InstanceRecord } from '../state/run-file.ts';
import type { DockerLabContext } from './docker-context.ts';
import { buildInstance, dropInstance, instanceHandle } from './docker-instance.ts';

/** The record of `lab` may be unfinished: then the next `up` has Compose finish it. */
export function isLeft(record: InstanceRecord): boolean {
  return isOrphan(record) || (isUnfinished(record) && record.name !== LAB_INSTANCE);
}

/** A lab whose services are containers. */
export function dockerLab(context: DockerLabContext): RecordedLab {
  return new RecordedLab(context, {
    async prepare(spec) {
      refuseCluster(spec, 'docker');
    },
    build: (record, signal) => buildInstance(context, record, signal),
    drop: (name) => dropInstance(context, name),
    isLeft,
    handle: (record) => instanceHandle(context, record),
  });
}
