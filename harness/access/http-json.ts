import { request } from 'node:http';
import { text } from 'node:stream/consumers';
import type { z } from 'zod';
import { LabError, messageOf } from '../../pipeline/contract/errors.ts';
import { accept } from '../../pipeline/contract/mistake.ts';

/**
 * Sends one request to a service of the lab and returns the JSON of its answer; null for an empty one. Only the signal
 * bounds the time: a verification of millions of rows takes minutes, and `fetch` would give up after 300 s.
 *
 * @throws LabError CDC-5040 if nothing answers, CDC-5041 for an answer that is an error; the signal's reason.
 */
export async function requestJson(
  method: string,
  url: string,
  body: unknown,
  signal: AbortSignal,
): Promise<unknown> {
  const { status, answer } = await send(method, url, body, signal).catch((cause: unknown) => {
    signal.throwIfAborted();
    throw new LabError('CDC-5040', `no answer to ${method} ${url}`, {
      remedy: 'cdc-lab status names what is down',
      cause,
    });
  });
  if (status < 200 || status > 299) {
    throw new LabError('CDC-5041', `${method} ${url} answered ${status}: ${answer.slice(0, 300)}`, {
      remedy: 'cdc-lab logs shows what the service says',
    });
  }
  return answer === '' ? null : JSON.parse(answer);
}

/** @throws LabError CDC-5042 if this version does not know the answer's shape. */
export function acceptAnswer<T>(schema: z.ZodType<T>, answer: unknown, url: string): T {
  try {
    return accept(schema, answer, 'it');
  } catch (error) {
    throw new LabError(
      'CDC-5042',
      `${url} answered in a format that this version does not know: ${messageOf(error)}`,
      {
        remedy: 'If another version started the service: cdc-lab down, then cdc-lab up.',
      },
    );
  }
}

function send(
  method: string,
  url: string,
  body: unknown,
  signal: AbortSignal,
): Promise<{ status: number; answer: string }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; answer: string }>();
  const headers = body === undefined ? {} : { 'content-type': 'application/json' };
  const sent = request(url, { method, headers, signal }, (response) => {
    text(response).then((answer) => resolve({ status: response.statusCode ?? 0, answer }), reject);
  });
  sent.on('error', reject);
  sent.end(body === undefined ? undefined : JSON.stringify(body));
  return promise;
}
