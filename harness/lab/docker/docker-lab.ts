import { refuseCluster } from '../instance/brokers.ts';
import { RecordedLab } from '../instance/recorded-lab.ts';
import type { DockerLabContext } from './docker-context.ts';
import { buildInstance, dropInstance, instanceHandle } from './docker-instance.ts';

/** A lab whose services are containers. */
export function dockerLab(context: DockerLabContext): RecordedLab {
  return new RecordedLab(context, {
    async prepare(spec) {
      refuseCluster(spec, 'docker');
    },
    build: (record, signal) => buildInstance(context, record, signal),
    drop: (name) => dropInstance(context, name),
    handle: (record) => instanceHandle(context, record),
  });
}
