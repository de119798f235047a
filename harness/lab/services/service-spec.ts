/**
 * `harness/lab/services`: how a service is started, probed and stopped, in any runtime.
 * In: a command, a port, a probe and stop signals (`ServiceSpec`).
 * Out: free ports, answers of probes, the end of a log, an order to stop services in.
 * Promises: a spec holds no secret, so it can be stored; every probe is bounded in time and never throws.
 */

import { z } from 'zod';

/** How to check that a service answers. */
export const probeSchema = z.discriminatedUnion('tag', [
  /** A query, with the lab's password. */
  z.object({ tag: z.literal('postgres'), port: z.number() }),
  /** A metadata request, answered with at least one broker; if `nodeId` is given, with that one among them. */
  z.object({ tag: z.literal('kafka'), port: z.number(), nodeId: z.number().exactOptional() }),
  /** `GET` answers 200. With `anyStatus` any answer will do: a verifier reports by its status how others are. */
  z.object({ tag: z.literal('http'), port: z.number(), path: z.string(), anyStatus: z.boolean() }),
  /** The process is alive: for services that listen on no port. */
  z.object({ tag: z.literal('none') }),
]);
export type Probe = z.infer<typeof probeSchema>;

/** Everything needed to start a service, and to start it again. It is stored, so it holds no secret. */
export const serviceSpecSchema = z.object({
  name: z.string(),
  kind: z.enum(['postgres', 'kafka', 'worker', 'verifier', 'workload']),
  command: z.string(),
  args: z.array(z.string()),
  cwd: z.string(),
  env: z.record(z.string(), z.string()),
  /** Whether it gets the lab's password as PGPASSWORD. */
  wantsPassword: z.boolean(),
  /** The user to run as, if the lab itself is root. */
  uid: z.number().nullable(),
  port: z.number().nullable(),
  log: z.string(),
  probe: probeSchema,
  /** It must answer within this time. */
  readyTimeoutMs: z.number(),
  /** Sent one after another until it ends; SIGKILL follows if none of them helps. */
  stopSignals: z.array(z.object({ signal: z.enum(['SIGTERM', 'SIGINT', 'SIGQUIT']), waitMs: z.number() })),
});
export type ServiceSpec = z.infer<typeof serviceSpecSchema>;
