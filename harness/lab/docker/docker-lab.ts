import { LabError } from '../../../pipeline/contract/errors.ts';
import { refuseCluster } from '../instance/brokers.ts';
import { isOrphan, isUnfinished } from '../instance/leftovers.ts';
import { RecordedLab } from '../instance/recorded-lab.ts';
import type { InstanceSpec } from '../lab.ts';
import { LAB_INSTANCE } from '../state/record-instance.ts';
import type { InstanceRecord } from '../state/run-file.ts';
import type { DockerLabContext } from './docker-context.ts';
import { buildInstance, dropInstance, instanceHandle } from './docker-instance.ts';

/** The record of `lab` may be unfinished: then the next `up` has Compose finish it. */
export function isLeft(record: InstanceRecord): boolean {
  return isOrphan(record) || (isUnfinished(record) && record.name !== LAB_INSTANCE);
}

/** @throws LabError CDC-5146 for an engine that has no image. */
export function refuseTextbook({ engines }: Pick<InstanceSpec, 'engines'>): void {
  if (engines?.source !== 'textbook') return;
  throw new LabError('CDC-5146', 'The textbook capture does not run in containers.', {
    remedy: 'Use the process runtime: leave out --runtime docker, and name another folder with --dir.',
  });
}

/** A lab whose services are containers. */
export function dockerLab(context: DockerLabContext): RecordedLab {
  return new RecordedLab(context, {
    async prepare(spec) {
      refuseCluster(spec, 'docker');
      refuseTextbook(spec);
    },
    build: (record, signal) => buildInstance(context, record, signal),
    drop: (name) => dropInstance(context, name),
    isLeft,
    handle: (record) => instanceHandle(context, record),
  });
}
