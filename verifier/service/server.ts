import fastify, { type FastifyInstance } from 'fastify';
import { z } from 'zod';
import { mistakeIn } from '../../pipeline/contract/mistake.ts';
import { FINDING_STATES } from './kept-finding.ts';
import type { VerifierService } from './service.ts';

/** A day, which is also the longest `--deadline` of the command line. */
const LONGEST_MS = 86_400_000;

const verifyBody = z.strictObject({
  /** Time for the fence. The comparison behind it takes as long as the tables are large. */
  deadlineMs: z.int().positive().max(LONGEST_MS).optional(),
  /** Time for the whole answer, with the wait for a verification that is under way. It takes the place of `deadlineMs`. */
  withinMs: z.int().nonnegative().max(LONGEST_MS).optional(),
  /** Nobody writes to the source. Accepted for compatibility, and not needed: only unchanged keys are judged anyway. */
  quiet: z.boolean().optional(),
  /** Check all rows and the whole ledger, not only what has changed since the last verification. */
  whole: z.boolean().optional(),
});
const historyQuery = z.object({ limit: z.coerce.number().int().positive().max(10_000).optional() });

const findingsQuery = z.object({
  state: z.enum(FINDING_STATES).optional(),
  limit: z.coerce.number().int().positive().max(10_000).optional(),
});

/**
 * The verifier's HTTP interface. It answers requests whose Host header names its loopback address, or one of `names` at
 * any port. Other hosts and origins are refused, so that no web page can reach it by DNS rebinding.
 */
export function createServer(service: VerifierService, names: readonly string[] = []): FastifyInstance {
  const server = fastify({ logger: false, bodyLimit: 64 * 1024 });
  server.addHook('onRequest', async (request, reply) => {
    const port = portOf(server);
    const allowed = [`127.0.0.1:${port}`, `localhost:${port}`];
    const { host, origin } = request.headers;
    if (host !== undefined && names.includes(host.replace(/:\d+$/, ''))) allowed.push(host);
    const known = host !== undefined && allowed.includes(host);
    const same = origin === undefined || allowed.some((name) => origin === `http://${name}`);
    if (!known || !same)
      await reply.code(403).send({ error: 'This server answers only requests to its loopback address.' });
  });
  server.get('/report', async (_, reply) => {
    const { last } = service.history;
    return last ?? (await reply.code(404).send({ error: 'There is no report yet: POST /verify makes one.' }));
  });
  server.get('/report/history', async (request, reply) => {
    const query = historyQuery.safeParse(request.query);
    if (!query.success)
      return await reply.code(400).send({ error: refusal(historyQuery, request.query, query.error) });
    return { schemaVersion: 1, reports: service.history.list(query.data.limit) };
  });
  server.post('/verify', async (request, reply) => {
    const body = verifyBody.safeParse(request.body ?? {});
    if (!body.success)
      return await reply.code(400).send({ error: refusal(verifyBody, request.body, body.error) });
    const { deadlineMs, withinMs, whole } = body.data;
    if (withinMs !== undefined) return await service.verifyWithin(withinMs, whole);
    return await service.verify(deadlineMs, whole);
  });
  server.get('/health', async () => ({
    status: 'ok',
    running: service.running,
    lastReportAt: service.history.last?.at ?? null,
    verdict: service.history.last?.verdict ?? null,
    watch: service.watch,
    incremental: service.following,
  }));
  server.get('/findings', async (request, reply) => {
    const query = findingsQuery.safeParse(request.query);
    if (!query.success)
      return await reply.code(400).send({ error: refusal(findingsQuery, request.query, query.error) });
    return { schemaVersion: 1, findings: service.findings.list(query.data.state, query.data.limit) };
  });
  server.get('/metrics', async (request, reply) => {
    service.measure();
    const { contentType, body } = await service.metrics.expose(request.headers.accept);
    // Set it as a raw header: reply.type() would rewrite its parameters.
    return await reply.header('content-type', contentType).send(body);
  });
  return server;
}

function refusal(schema: z.ZodType, value: unknown, error: z.ZodError): string {
  return `The request is not valid: ${mistakeIn(error, { schema, value, whole: 'the body' })}`;
}

/** The port that the server listens on; undefined while it does not listen. */
export function portOf(server: FastifyInstance): number | undefined {
  const address = server.server.address();
  return typeof address === 'object' && address !== null ? address.port : undefined;
}
