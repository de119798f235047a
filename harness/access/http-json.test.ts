import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { expect, test } from 'vitest';
import { requestJson } from './http-json.ts';

const PATIENT = AbortSignal.timeout(10_000);

async function serve(answer: RequestListener): Promise<AsyncDisposable & { url: string }> {
  const server = createServer(answer).listen(0, '127.0.0.1');
  await new Promise((listening) => server.once('listening', listening));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/x`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

test('a request carries its body as JSON, and brings the answer’s', async () => {
  await using server = await serve(async (request, response) => {
    response.end(JSON.stringify({ [`${request.method}`]: await text(request) }));
  });
  expect(await requestJson('POST', server.url, { deadlineMs: 5 }, PATIENT)).toEqual({
    POST: '{"deadlineMs":5}',
  });
  expect(await requestJson('GET', server.url, undefined, PATIENT)).toEqual({ GET: '' });
});

test('an empty answer is null', async () => {
  await using server = await serve((_, response) => response.writeHead(204).end());
  expect(await requestJson('DELETE', server.url, undefined, PATIENT)).toBeNull();
});

test('an error answer is reported with its status and its text', async () => {
  await using server = await serve((_, response) => response.writeHead(409).end('a rebalance is going on'));
  await expect(requestJson('PUT', server.url, {}, PATIENT)).rejects.toMatchObject({
    code: 'CDC-5041',
    message: `PUT ${server.url} answered 409: a rebalance is going on`,
  });
});

test('a refused or broken connection is reported as no answer', async () => {
  const gone = await serve(() => undefined);
  await gone[Symbol.asyncDispose]();
  await expect(requestJson('GET', gone.url, undefined, PATIENT)).rejects.toMatchObject({ code: 'CDC-5040' });
  await using breaking = await serve((request) => request.socket.destroy());
  await expect(requestJson('GET', breaking.url, undefined, PATIENT)).rejects.toMatchObject({
    code: 'CDC-5040',
  });
});

test('an aborted request fails with the reason of the signal, also while the answer is being read', async () => {
  const own = new AbortController();
  await using server = await serve((_, response) => {
    response.write('{');
    own.abort(new Error('the phase is over'));
  });
  await expect(requestJson('GET', server.url, undefined, own.signal)).rejects.toThrow('the phase is over');
});
