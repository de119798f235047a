import { z } from 'zod';
import { infoOf, serviceName } from '../access/instance-services.ts';
import { defineFault } from '../plugins/fault.ts';
import { serviceScope } from '../plugins/scope.ts';

/** A service is cut off from its network: it keeps running, and neither it nor its peers get an answer. */
export default defineFault({
  description: 'take a service off the network that it shares with its peers',
  params: z.strictObject({
    /** `capture`, `sink`, `verifier` of the instance, or a server: `kafka`, `pg-source`, `pg-sink`. */
    service: z.string().min(1),
  }),
  example: { service: 'sink' },
  needs: ['disconnect', 'connect'],
  touches: ({ service }) => serviceScope(service),

  async observe({ lab, instance }, { service }) {
    const info = await infoOf(lab.runtime, serviceName(instance, service));
    return { service: info.name, pid: info.pid, connected: info.connected ?? null };
  },

  async inject({ lab, instance }, { service }) {
    const proof = await lab.runtime.disconnect?.(serviceName(instance, service));
    return proof?.evidence ?? {};
  },

  async prove({ lab, instance }, { service }, before) {
    const info = await infoOf(lab.runtime, serviceName(instance, service));
    const cutOff = before.connected === true && info.connected === false;
    // A service that has ended is off the network too, and that would be another fault.
    if (!cutOff || info.state !== 'running') return undefined;
    return { service: info.name, pid: info.pid, connected: false };
  },

  async heal({ lab, instance }, { service }) {
    const info = await infoOf(lab.runtime, serviceName(instance, service));
    if (info.connected !== false) return { said: `${info.name} was on its network`, evidence: {} };
    const proof = await lab.runtime.connect?.(info.name);
    return { said: `put ${info.name} back on its network`, evidence: proof?.evidence ?? {} };
  },
});
