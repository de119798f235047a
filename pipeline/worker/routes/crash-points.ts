import type { FastifyInstance } from 'fastify';
import { CRASH_POINTS } from '../../contract/crash-points.ts';
import { type ControlledCrashPoints, isCrashPoint } from '../crash-points.ts';
import { crashPointBody, parseBody } from '../request-bodies.ts';
import { RestError } from '../rest-error.ts';

interface NamedPoint {
  Params: { point: string };
}

/** Arming and releasing crash points, and listing those where a task waits. */
export function crashPointRoutes(app: FastifyInstance, points: ControlledCrashPoints): void {
  app.get('/lab/crash-points', () => points.report());

  app.put<NamedPoint>('/lab/crash-points/:point', async (request, reply) => {
    points.arm(known(request.params.point), parseBody(crashPointBody, request.body ?? {}).skip);
    return reply.code(204).send();
  });

  app.delete<NamedPoint>('/lab/crash-points/:point', async (request, reply) => {
    points.disarm(known(request.params.point));
    return reply.code(204).send();
  });
}

function known(name: string) {
  if (isCrashPoint(name)) return name;
  throw new RestError(
    404,
    `There is no crash point ${name}. Known crash points: ${Object.values(CRASH_POINTS).join(', ')}`,
  );
}
