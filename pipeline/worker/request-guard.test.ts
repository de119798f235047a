import fastify from 'fastify';
import { expect, test } from 'vitest';
import { refuseForeignRequests } from './request-guard.ts';

async function statusOf(headers: Record<string, string>, names?: readonly string[]): Promise<number> {
  await using app = fastify();
  refuseForeignRequests(app, () => 8083, names);
  app.get('/', async () => 'it is me');
  return (await app.inject({ url: '/', headers })).statusCode;
}

test.each([
  [{ host: 'capture-lab:8083' }],
  [{ host: 'capture-lab' }],
  [{ host: '127.0.0.1:49152' }],
  [{ host: 'capture-lab:8083', origin: 'http://capture-lab:8083' }],
])('a request to one of its names is answered, with any port: %j', async (headers) => {
  expect(await statusOf(headers, ['capture-lab', '127.0.0.1'])).toBe(200);
});

test.each([
  [{ host: 'capture-lab:8083' }, []],
  [{ host: '127.0.0.1:49152' }, []],
  [{ host: 'capture-lab.evil.example:8083' }, ['capture-lab']],
  [{ host: 'capture-lab:8083', origin: 'http://evil.example' }, ['capture-lab']],
  [{ host: 'capture-lab:8083', origin: 'http://capture-lab:9' }, ['capture-lab']],
])('any other request is refused: %j if its names are %j', async (headers, names) => {
  expect(await statusOf(headers, names)).toBe(403);
});
