import { request } from 'node:https';
import { pemFile } from './pem.ts';

export interface HttpRequest {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly signal: AbortSignal;
}

export interface HttpAnswer {
  readonly status: number;
  readonly ok: boolean;
  readonly text: string;
}

/**
 * Sends an HTTP request. It follows no redirect, because the request may contain a password.
 * @param ca PEM file of the authorities that may have signed the server's certificate; null: those that Node.js trusts.
 *   `fetch` does not support such a file, so `https.request` is used with it.
 */
export async function send(url: URL, given: HttpRequest, ca: string | null): Promise<HttpAnswer> {
  if (ca === null || url.protocol !== 'https:') {
    const answer = await fetch(url, { ...given, redirect: 'error' });
    return { status: answer.status, ok: answer.ok, text: await answer.text() };
  }
  const { method = 'GET', headers = {}, body, signal } = given;
  const { promise, resolve, reject } = Promise.withResolvers<HttpAnswer>();
  const sent = request(url, { method, headers, signal, ca: pemFile(ca) }, async (response) => {
    try {
      let text = '';
      for await (const chunk of response.setEncoding('utf8')) text += String(chunk);
      const status = response.statusCode ?? 0;
      resolve({ status, ok: status >= 200 && status < 300, text });
    } catch (error) {
      reject(error);
    }
  });
  sent.on('error', reject);
  sent.end(body);
  return await promise;
}

/** Why a request failed: the message of `fetch` is only `fetch failed`, so its cause is returned. */
export function reasonOf(error: unknown): unknown {
  return error instanceof Error && error.cause instanceof Error ? error.cause : error;
}

const LOOPBACK = /^(localhost|127(\.\d+){3}|\[::1\])$/;

/** Why a secret must not be sent to that URL: it would cross a network unencrypted. Null if it may be sent. */
export function plainTextProblem(url: string, secret = 'the password'): string | null {
  const parsed = URL.parse(url);
  if (parsed?.protocol !== 'http:' || LOOPBACK.test(parsed.hostname)) return null;
  return `http sends ${secret} unencrypted: use https`;
}

/** Value of the header `Authorization`, RFC 7617. */
export function basicAuth(username: string, password: string): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
}
