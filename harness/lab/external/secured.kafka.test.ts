import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { kafkaSchema } from '../../../verifier/connection/kafka.ts';
import { KafkaView } from '../../../verifier/observe/topic/kafka-view.ts';
import { topicIds } from '../../../verifier/observe/topic/topic-ids.ts';
import { securedForTests } from './testing/secured-for-tests.ts';
import { PASSWORD, startKafka } from './testing/secured-servers.ts';

const secured = securedForTests(startKafka);

type Given = { tls?: object | null; sasl?: object | null };

/** Null where login and listing topics succeed; otherwise the sentence and the remedy. */
async function outcome(server: string, { tls = { ca: secured.certificates.ca }, sasl = null }: Given = {}) {
  try {
    const connection = kafkaSchema.parse({ bootstrapServers: [server], tls, sasl });
    await using view = await KafkaView.connect(connection);
    await view.existing(['any']);
    return null;
  } catch (error) {
    return error instanceof Error && 'remedy' in error ? `${error.message} ${error.remedy}` : String(error);
  }
}

function alice(mechanism: string, variable = 'SECURED_TEST_PASSWORD'): object {
  process.env.SECURED_TEST_PASSWORD = PASSWORD;
  process.env.SECURED_TEST_WRONG = 'wrong';
  return { mechanism, username: 'alice', password: `\${env:${variable}}` };
}

/** An unsigned token as in RFC 7515; only Kafka's own test handler accepts it. */
function unsignedToken(lifeMs: number): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const now = Date.now();
  const [iat, exp] = [Math.floor(now / 1000) - 10, Math.floor((now + lifeMs) / 1000)];
  return `${part({ alg: 'none' })}.${part({ sub: 'lab', iat, exp })}.`;
}

test.each(['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'])(
  'a login by %s over TLS succeeds',
  async (mechanism) => {
    expect(await outcome(secured.server.secure, { sasl: alice(mechanism) })).toBeNull();
  },
);

test.each(['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'])(
  'a wrong password is refused by %s',
  async (mechanism) => {
    const said = await outcome(secured.server.secure, { sasl: alice(mechanism, 'SECURED_TEST_WRONG') });
    expect(said).toMatch(/it refuses the login by .*Correct mechanism, name and password in kafka\.sasl/);
    expect(said).not.toContain('wrong password:');
  },
);

test('a client with a certificate connects over mutual TLS, and topic ids are read the same way', async () => {
  const tls = { ca: secured.certificates.ca, ...secured.certificates.client };
  expect(await outcome(secured.server.mutual, { tls })).toBeNull();
  const connection = kafkaSchema.parse({ bootstrapServers: [secured.server.mutual], tls });
  expect(await topicIds(connection, ['none-of-that-name'])).toEqual(new Map());
});

test('mutual TLS is refused without a certificate, or with one of another authority', async () => {
  expect(await outcome(secured.server.mutual)).toMatch(
    /does not accept the client's certificate.*Configure a client certificate/,
  );
  const tls = { ca: secured.certificates.ca, ...secured.certificates.stranger };
  expect(await outcome(secured.server.mutual, { tls })).toMatch(/does not accept the client's certificate/);
});

test('a certificate of another authority is refused', async () => {
  const said = await outcome(secured.server.secure, {
    tls: { ca: secured.certificates.otherCa },
    sasl: alice('PLAIN'),
  });
  expect(said).toMatch(/not signed by a known authority.*Configure the file of the authority/);
  expect(await outcome(secured.server.secure, { tls: {}, sasl: alice('PLAIN') })).toMatch(
    /not signed by a known authority/,
  );
});

test('an expired certificate is refused', async () => {
  expect(await outcome(secured.server.expired)).toMatch(
    /its certificate has expired.*Renew the server’s certificate/,
  );
});

test('a name that the certificate does not carry is refused', async () => {
  const byName = secured.server.secure.replace('127.0.0.1', 'localhost');
  const said = await outcome(byName, { sasl: alice('PLAIN') });
  expect(said).toMatch(/its certificate is for another name .*localhost.*Connect by a name/);
});

test('plain text to a TLS port and TLS to a plain-text port are distinguished', async () => {
  expect(await outcome(secured.server.secure, { tls: null })).toMatch(
    /it speaks TLS at this port.*kafka\.tls/,
  );
  expect(await outcome(secured.server.plain)).toMatch(/it does not speak TLS on this port.*take tls out/);
});

test('OAUTHBEARER uses a given token, or gets one from the endpoint with the client credentials', async () => {
  process.env.SECURED_TEST_TOKEN = unsignedToken(60_000);
  const given = { mechanism: 'OAUTHBEARER', token: '${env:SECURED_TEST_TOKEN}' };
  expect(await outcome(secured.server.secure, { sasl: given })).toBeNull();

  process.env.SECURED_TEST_CLIENT = 'of the client';
  const seen: string[] = [];
  const endpoint = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += String(chunk);
    seen.push(`${request.headers.authorization} ${body}`);
    response.end(JSON.stringify({ access_token: unsignedToken(60_000), token_type: 'bearer' }));
  });
  await new Promise<void>((resolve) => endpoint.listen(0, '127.0.0.1', resolve));
  try {
    const tokenUrl = `http://127.0.0.1:${(endpoint.address() as AddressInfo).port}/token`;
    const asked = { tokenUrl, clientId: 'lab', clientSecret: '${env:SECURED_TEST_CLIENT}', scope: 'kafka' };
    expect(await outcome(secured.server.secure, { sasl: { mechanism: 'OAUTHBEARER', ...asked } })).toBeNull();
  } finally {
    endpoint.close();
  }
  const credentials = Buffer.from('lab:of%20the%20client').toString('base64');
  expect(seen[0]).toBe(`Basic ${credentials} grant_type=client_credentials&scope=kafka`);
});

test('an expired token is refused, and so is an endpoint that returns none', async () => {
  process.env.SECURED_TEST_TOKEN = unsignedToken(-60_000);
  const sasl = { mechanism: 'OAUTHBEARER', token: '${env:SECURED_TEST_TOKEN}' };
  expect(await outcome(secured.server.secure, { sasl })).toMatch(/it refuses the login by OAUTHBEARER/);
  const nowhere = {
    tokenUrl: 'http://127.0.0.1:1/token',
    clientId: 'lab',
    clientSecret: '${env:SECURED_TEST_TOKEN}',
  };
  const said = await outcome(secured.server.secure, { sasl: { mechanism: 'OAUTHBEARER', ...nowhere } });
  expect(said).toMatch(/127\.0\.0\.1:1 returned no token for Kafka/);
});

test('a login that would show its secret to the network is refused before it is tried', async () => {
  expect(await outcome(secured.server.plain, { tls: null, sasl: alice('PLAIN') })).toMatch(
    /sends the secret unencrypted: configure tls/,
  );
});
