import { mkdirSync, rmdirSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { makeTestFolder } from '../../fixtures/testing/test-folder.ts';
import { parseConfig } from '../config.ts';
import type { Report } from '../report.ts';
import type { Verdict } from '../verdict.ts';
import { VerifierService } from './service.ts';
import { Webhook } from './webhook.ts';
import type { Notice, WebhookOptions } from './webhook-delivery.ts';

const report = (verdict: Verdict): Report =>
  ({ verdict, at: '2026-01-01T00:00:00.000Z', findings: [] }) as unknown as Report;

/** A receiver on the loopback address that gives these answers in turn, and then 200. */
async function receiver(...answers: number[]) {
  const got: { notice: Notice; token: string | undefined }[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk) => {
      body += String(chunk);
    });
    request.on('end', () => {
      const token = request.headers.authorization;
      got.push({ notice: JSON.parse(body) as Notice, token });
      response.writeHead(answers.shift() ?? 200).end();
    });
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const changes = () => got.map(({ notice }) => [notice.from, notice.to]);
  const close = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  return { got, changes, url: `http://127.0.0.1:${port}/hook/canary-path`, [Symbol.asyncDispose]: close };
}

const options = (url: string, own: Partial<WebhookOptions> = {}): WebhookOptions => ({
  ...{ url, headers: {}, attempts: 3, firstRetryMs: 5, timeoutMs: 2_000 },
  ...own,
});

async function notify(webhook: Webhook, ...verdicts: Verdict[]): Promise<void> {
  for (const verdict of verdicts) {
    webhook.notify(report(verdict));
    await webhook.settled();
  }
}

test('each change of the verdict is sent once; a first PASS and SYNC_IN_PROGRESS are not changes', async () => {
  await using own = await receiver();
  const webhook = new Webhook(options(own.url), makeTestFolder());
  await notify(
    webhook,
    'PASS',
    'PASS',
    'SYNC_IN_PROGRESS',
    'FAIL',
    'FAIL',
    'SYNC_IN_PROGRESS',
    'FAIL',
    'PASS',
  );
  expect(own.changes()).toEqual([
    ['PASS', 'FAIL'],
    ['FAIL', 'PASS'],
  ]);
});

test('a failed notice is retried a bounded number of times, and the next report makes up for it', async () => {
  await using own = await receiver(500, 503, 500, 429);
  const lines: string[] = [];
  const webhook = new Webhook(options(own.url), makeTestFolder(), (line) => void lines.push(line));
  await notify(webhook, 'FAIL');
  expect(own.got).toHaveLength(3);
  expect(webhook.counts).toEqual({ sent: 0, failed: 1 });
  await notify(webhook, 'FAIL');
  expect(own.got).toHaveLength(5);
  expect(webhook.counts).toEqual({ sent: 1, failed: 1 });
  expect(lines).toHaveLength(4);
});

test('a permanent refusal is not retried', async () => {
  await using own = await receiver(400);
  const webhook = new Webhook(options(own.url), makeTestFolder(), () => undefined);
  await notify(webhook, 'FAIL');
  expect(own.got).toHaveLength(1);
});

test('the last notified verdict outlives the verifier', async () => {
  await using own = await receiver();
  const dir = makeTestFolder();
  await notify(new Webhook(options(own.url), dir), 'FAIL');
  await notify(new Webhook(options(own.url), dir), 'FAIL', 'PASS');
  expect(own.changes()).toEqual([
    [null, 'FAIL'],
    ['FAIL', 'PASS'],
  ]);
});

test('secrets come from the environment and reach the receiver, but no log; neither does the path of the address', async () => {
  await using own = await receiver(500);
  process.env.WEBHOOK_TEST_TOKEN = 'canary-token';
  const lines: string[] = [];
  const given = options(own.url, { headers: { authorization: 'Bearer ${env:WEBHOOK_TEST_TOKEN}' } });
  const webhook = new Webhook(given, makeTestFolder(), (line) => void lines.push(line));
  await notify(webhook, 'FAIL');
  expect(own.got.map(({ token }) => token)).toEqual(['Bearer canary-token', 'Bearer canary-token']);
  const nowhere = new Webhook(
    { ...given, url: 'http://127.0.0.1:9/canary-path' },
    makeTestFolder(),
    (line) => void lines.push(line),
  );
  await notify(nowhere, 'FAIL');
  expect(lines).toHaveLength(4);
  expect(lines.join('\n')).not.toContain('canary');
  delete process.env.WEBHOOK_TEST_TOKEN;
  expect(() => new Webhook(given, makeTestFolder())).toThrow('WEBHOOK_TEST_TOKEN, which is not set');
});

test('a verifier that is stopped does not wait for a receiver', async () => {
  await using own = await receiver(500, 500, 500);
  const webhook = new Webhook(options(own.url, { firstRetryMs: 60_000 }), makeTestFolder(), () => undefined);
  webhook.notify(report('FAIL'));
  await expect.poll(() => own.got.length, { timeout: 20_000 }).toBe(1);
  await webhook.stop();
  expect(own.got).toHaveLength(1);
});

test.each<[string, string, string]>([
  ['an address without a scheme', 'canary.example/hook', ''],
  ['an address of another scheme', 'ftp://canary.example/hook', ''],
  ['an address with a login, which fetch refuses', 'http://canary:canary@127.0.0.1/hook', ''],
  ['a header of two lines', 'http://127.0.0.1/hook', 'Bearer canary\nx: y'],
])('%s is refused at the start, and not printed', (_, url, token) => {
  Object.assign(process.env, { WEBHOOK_TEST_URL: url, WEBHOOK_TEST_TOKEN: token || 'x' });
  const headers = { authorization: '${env:WEBHOOK_TEST_TOKEN}' };
  const make = () => new Webhook(options('${env:WEBHOOK_TEST_URL}', { headers }), makeTestFolder());
  expect(make).toThrow(expect.objectContaining({ code: 'CDC-4001' }));
  expect(make).toThrow(expect.not.stringContaining('canary'));
  delete process.env.WEBHOOK_TEST_URL;
  delete process.env.WEBHOOK_TEST_TOKEN;
});

test('a full disk does not suppress a notice; the verdict is stored once the disk accepts it', async () => {
  await using own = await receiver();
  const dir = makeTestFolder();
  const lines: string[] = [];
  const webhook = new Webhook(options(own.url), dir, (line) => void lines.push(line));
  // A folder where the file should be.
  mkdirSync(join(dir, 'webhook.json.next'));
  await notify(webhook, 'PASS', 'FAIL', 'FAIL', 'WARN');
  expect(own.changes()).toEqual([
    ['PASS', 'FAIL'],
    ['FAIL', 'WARN'],
  ]);
  expect(lines[0]).toMatch(/^webhook: .* EISDIR/);
  expect(lines.join('\n')).not.toContain('canary');
  rmdirSync(join(dir, 'webhook.json.next'));
  await notify(webhook, 'WARN');
  await notify(new Webhook(options(own.url), dir), 'WARN', 'PASS');
  expect(own.changes().at(-1)).toEqual(['WARN', 'PASS']);
  expect(own.got).toHaveLength(3);
});

test('an error in one notice affects neither the verifier nor the next notice', async () => {
  await using own = await receiver();
  const lines: string[] = [];
  const webhook = new Webhook(options(own.url), makeTestFolder(), (line) => void lines.push(line));
  webhook.notify({ verdict: 'FAIL' } as unknown as Report);
  await webhook.settled();
  expect(lines).toEqual(['webhook: TypeError']);
  await notify(webhook, 'FAIL');
  expect(own.changes()).toEqual([[null, 'FAIL']]);
});

test('if reports cannot be stored, the receiver is still notified', async () => {
  await using own = await receiver();
  const stateDir = makeTestFolder();
  const nowhere = 'postgres://postgres@127.0.0.1:9/none';
  const config = parseConfig(
    {
      ...{ port: 0, stateDir, kafka: null, webhook: { url: own.url } },
      ...{ source: { url: nowhere, slot: null }, sink: { url: nowhere } },
    },
    'test',
  );
  const service = new VerifierService(config, []);
  mkdirSync(join(stateDir, 'reports.ndjson'));
  await expect(service.verify(100)).rejects.toThrow(/EISDIR/);
  await expect.poll(own.changes).toEqual([[null, 'INCONCLUSIVE']]);
  await service.stop();
});
