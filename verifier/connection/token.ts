import { z } from 'zod';
import { LabError, messageOf } from '../../pipeline/contract/errors.ts';
import { basicAuth, send } from './http.ts';
import type { Sasl } from './sasl.ts';
import { withSecrets } from './secret.ts';

const TIMEOUT_MS = 10_000;
/** Access token response, RFC 6749 §5.1. */
const answerSchema = z.object({ access_token: z.string().min(1) });

/**
 * The token for one connection: the configured one, or a new one for the client's credentials.
 * @throws LabError CDC-4022 if the endpoint returns none. The error omits the answer, which may contain a secret.
 */
export async function bearerToken(sasl: Extract<Sasl, { mechanism: 'OAUTHBEARER' }>): Promise<string> {
  const { token, tokenUrl, clientId, clientSecret, scope, ca } = sasl;
  if (token !== null) return withSecrets(token, 'kafka.sasl.token');
  const url = new URL(tokenUrl ?? '');
  const secret = withSecrets(clientSecret ?? '', 'kafka.sasl.clientSecret');
  const body = new URLSearchParams({
    grant_type: 'client_credentials',
    ...(scope === null ? {} : { scope }),
  });
  const headers = {
    'content-type': 'application/x-www-form-urlencoded',
    authorization: basicAuth(encodeURIComponent(clientId ?? ''), encodeURIComponent(secret)),
  };
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  const given = { method: 'POST', headers, body: body.toString(), signal };
  const answer = await send(url, given, ca).catch((cause: unknown) => {
    throw refused(url, `it cannot be reached (${messageOf(cause)})`, cause);
  });
  if (!answer.ok) throw refused(url, `it answered ${answer.status}`);
  try {
    return answerSchema.parse(JSON.parse(answer.text)).access_token;
  } catch {
    throw refused(url, 'its answer contains no access_token');
  }
}

function refused(url: URL, why: string, cause?: unknown): LabError {
  return new LabError('CDC-4022', `${url.origin} returned no token for Kafka: ${why}.`, {
    remedy: 'Correct tokenUrl, clientId and clientSecret in kafka.sasl.',
    ...(cause === undefined ? {} : { cause }),
  });
}
