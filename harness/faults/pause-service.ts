import { z } from 'zod';
import { infoOf, serviceName } from '../access/instance-services.ts';
import { defineFault } from '../plugins/fault.ts';
import { serviceScope } from '../plugins/scope.ts';

/** A process that hangs: it keeps its connections open and answers no request. */
export default defineFault({
  description: 'SIGSTOP a service, with every process of it',
  params: z.strictObject({
    /** `capture`, `sink`, `verifier` of the instance, or a server: `kafka`, `pg-source`, `pg-sink`. */
    service: z.string().min(1),
  }),
  example: { service: 'sink' },
  needs: ['pause', 'resume'],
  touches: ({ service }) => serviceScope(service),

  async observe({ lab, instance }, { service }) {
    const info = await infoOf(lab.runtime, serviceName(instance, service));
    return { service: info.name, pid: info.pid, state: info.state };
  },

  async inject({ lab, instance }, { service }) {
    const proof = await lab.runtime.pause?.(serviceName(instance, service));
    return proof?.evidence ?? {};
  },

  async prove({ lab, instance }, { service }, before) {
    const info = await infoOf(lab.runtime, serviceName(instance, service));
    if (info.state !== 'paused' || before.state !== 'running') return undefined;
    return { service: info.name, pid: info.pid, state: info.state };
  },

  async heal({ lab, instance }, { service }) {
    const info = await infoOf(lab.runtime, serviceName(instance, service));
    if (info.state !== 'paused')
      return { said: `${info.name} was not paused`, evidence: { state: info.state } };
    const proof = await lab.runtime.resume?.(info.name);
    return { said: `resumed ${info.name}`, evidence: proof?.evidence ?? {} };
  },
});
