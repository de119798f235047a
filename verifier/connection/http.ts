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
 * One HTTP request. Redirects are not followed: what is sent may hold a password.
 * @param ca PEM file of the authorities that may have signed the server's certificate; null: those that Node.js trusts.
 *   `fetch` takes none.
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

/** What was wrong with a request: `fetch failed` says nothing, its cause does. */
export function reasonOf(error: unknown): unknown {
  return error instanceof Error && error.cause instanceof Error ? error.cause : error;
}

const LOOPBACK = /^(localhost|127(\.\d+){3}|\[::1\])$/;

/** Why a secret may not be sent there: it would cross a network as it is. Null where it may. */
export function plainTextProblem(url: string, secret = 'the password'): string | null {
  const parsed = URL.parse(url);
  if (parsed?.protocol !== 'http:' || LOOPBACK.test(parsed.hostname)) return null;
  return `http sends ${secret} as it is: it needs https`;
}

/** `Authorization` of RFC 7617. */
export function basicAuth(username: string, password: string): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
}
