import { z } from 'zod';
import { infoOf, serviceName, startIfDown } from '../access/instance-services.ts';
import { FULL_BELOW_BYTES } from '../lab/runtime.ts';
import { defineFault } from '../plugins/fault.ts';
import { serviceScope } from '../plugins/scope.ts';

/** The disk of a server's data is full. How the server behaves then, and whether it recovers, is what the fault shows. */
export default defineFault({
  description: "fill the disk that holds a server's data",
  params: z.strictObject({
    /** `kafka`, `pg-source`, `pg-sink`. */
    service: z.string().min(1),
  }),
  example: { service: 'pg-sink' },
  needs: ['roomOf', 'fillDisk', 'freeDisk', 'start'],
  touches: ({ service }) => serviceScope(service),

  async observe({ lab, instance }, { service }) {
    const info = await infoOf(lab.runtime, serviceName(instance, service));
    return { service: info.name, state: info.state, ...(await lab.runtime.roomOf?.(info.name)) };
  },

  async inject({ lab, instance }, { service }) {
    const proof = await lab.runtime.fillDisk?.(serviceName(instance, service));
    return proof?.evidence ?? {};
  },

  async prove({ lab, instance }, { service }, before) {
    const name = serviceName(instance, service);
    const room = await lab.runtime.roomOf?.(name);
    if (room === undefined || room.freeBytes >= FULL_BELOW_BYTES) return undefined;
    return { service: name, freeBefore: before.freeBytes, ...room };
  },

  async heal({ lab, instance, signal }, { service }) {
    const name = serviceName(instance, service);
    const freed = await lab.runtime.freeDisk?.(name);
    // PostgreSQL and Kafka exit when they cannot write their log.
    const started = await startIfDown(lab.runtime, name, signal);
    const room =
      freed?.evidence.removed === true ? `freed the disk of ${name}` : `the disk of ${name} was free`;
    return {
      said: started === null ? room : `${room}, and started ${name} again`,
      evidence: { ...freed?.evidence, ...started?.evidence },
    };
  },
});
