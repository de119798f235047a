/**
 * `harness/faults`: the faults, one file each; a file's name is the fault's name.
 * In: a lab, one of its pipelines, the fault's parameters.
 * Out: observations, from before the fault and after it.
 * Promises: each fault proves that it took effect, and heals what it broke, also in another process than the one that
 * injected it.
 */

import { z } from 'zod';
import { infoOf, isRunning, serviceName, startIfDown } from '../access/instance-services.ts';
import { defineFault } from '../plugins/fault.ts';
import { serviceScope } from '../plugins/scope.ts';

/** A crash without warning, at a random moment. */
export default defineFault({
  description: 'SIGKILL a service, with every process of it',
  params: z.strictObject({
    /** `capture`, `sink`, `verifier` of the instance, or a server: `kafka`, `pg-source`, `pg-sink`. */
    service: z.string().min(1),
  }),
  example: { service: 'capture' },
  needs: ['kill', 'start'],
  touches: ({ service }) => serviceScope(service),

  async observe({ lab, instance }, { service }) {
    const name = serviceName(instance, service);
    const info = await infoOf(lab.runtime, name);
    return { service: name, pid: info.pid, state: info.state };
  },

  async inject({ lab, instance }, { service }) {
    const proof = await lab.runtime.kill?.(serviceName(instance, service));
    return proof?.evidence ?? {};
  },

  async prove({ lab, instance }, { service }, before) {
    const name = serviceName(instance, service);
    if (before.state !== 'running' || (await isRunning(lab.runtime, name))) return undefined;
    return { service: name, pidBefore: before.pid, gone: true };
  },

  async heal({ lab, instance, signal }, { service }) {
    const name = serviceName(instance, service);
    const started = await startIfDown(lab.runtime, name, signal);
    return {
      said: started === null ? `${name} was running` : `started ${name} again`,
      evidence: started?.evidence ?? {},
    };
  },
});
