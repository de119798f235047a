import { expect, test } from 'vitest';
import { PARAMETERS, readJdbcUrl } from './connection-url.ts';

test.each([
  ['jdbc:postgresql://db.test:5433/shop', 'db.test', 5433, 'shop'],
  ['jdbc:postgresql://db.test/shop', 'db.test', 5432, 'shop'],
  ['jdbc:postgresql:shop', 'localhost', 5432, 'shop'],
  ['jdbc:postgresql:///shop', 'localhost', 5432, 'shop'],
  ['jdbc:postgresql://:5433/shop', 'localhost', 5433, 'shop'],
  ['jdbc:postgresql://[::1]:5433/shop', '::1', 5433, 'shop'],
  ['jdbc:postgresql://[2001:db8::1]/shop', '2001:db8::1', 5432, 'shop'],
  ['jdbc:postgresql://pg_sink/my%20shop+1%2B%C3%A9', 'pg_sink', 5432, 'my shop 1+é'],
  ['jdbc:postgresql://db.test/shop?', 'db.test', 5432, 'shop'],
])('%s names its server and database', (text, host, port, database) => {
  const { url, problems } = readJdbcUrl(text);
  expect(problems).toEqual([]);
  expect(url).toMatchObject({ host, port, database });
});

test('parameters are decoded as URLDecoder does, and + is a space', () => {
  const { url, problems } = readJdbcUrl(
    'jdbc:postgresql://h/d?password=a%26b%3D%2B+%25%23#x&&ApplicationName=my+app&sslrootcert=/etc/c%C3%A9/ca.pem',
  );
  expect(problems).toEqual([]);
  expect(Object.fromEntries(url.parameters)).toEqual({
    password: 'a&b=+ %##x',
    ApplicationName: 'my app',
    sslrootcert: '/etc/cé/ca.pem',
  });
});

test.each([
  ['jdbc:mysql://h/d', /must look like jdbc:postgresql:/],
  ['postgres://h/d', /must look like jdbc:postgresql:/],
  ['jdbc:postgresql://h', /names no database/],
  ['jdbc:postgresql://h/', /names no database/],
  ['jdbc:postgresql:', /names no database/],
  ['jdbc:postgresql://h/?sslmode=require', /names no database/],
  ['jdbc:postgresql://h/a/b', /more than one \//],
  ['jdbc:postgresql:/d', /more than one \//],
  ['jdbc:postgresql://h1,h2:5433/d', /several hosts/],
  ['jdbc:postgresql://h:99999/d', /port '99999'/],
  ['jdbc:postgresql://h:0/d', /port '0'/],
  ['jdbc:postgresql://h:/d', /port ''/],
  ['jdbc:postgresql://::1/d', /host ':'/],
  ['jdbc:postgresql://[h]/d', /host '\[h\]'/],
  ['jdbc:postgresql://%2Fvar%2Frun/d', /host '%2Fvar%2Frun'/],
  ['jdbc:postgresql://h/%zz', /database that is not percent-encoded correctly/],
  ['jdbc:postgresql://h/d%00', /database that is not percent-encoded correctly/],
  ['jdbc:postgresql://h/d?sslrootcert=%zz', /sslrootcert, whose value is not percent-encoded/],
  ['jdbc:postgresql://h/d?sslmode=', /sslmode without a value/],
  ['jdbc:postgresql://h/d?sslmode=require&sslmode=disable', /sslmode twice/],
])('%s is refused in one sentence', (text, sentence) => {
  const { problems } = readJdbcUrl(text);
  expect(problems).toHaveLength(1);
  expect(problems[0]?.message).toMatch(sentence);
  expect(problems[0]?.message).not.toContain('\n');
});

test.each([
  ['sslmod', 'sslmode'],
  ['ssl', 'sslmode'],
  ['applicationName', 'ApplicationName'],
  ['application_name', 'ApplicationName'],
  ['search_path', 'currentSchema'],
  ['username', 'user'],
  ['reWriteBatchedInserts', undefined],
  ['constructor', undefined],
])('an unsupported parameter %s is refused by name, with the nearest known one', (name, near) => {
  const { problems } = readJdbcUrl(`jdbc:postgresql://h/d?${name}=1`);
  expect(problems).toHaveLength(1);
  expect(problems[0]).toMatchObject({
    message: expect.stringContaining(`parameter ${name}, which this sink does not support`),
  });
  expect(problems[0]?.nearest).toBe(near);
});

test('every unsupported parameter is named, and every supported one is taken', () => {
  const names = readJdbcUrl('jdbc:postgresql://h/d?loginTimeout=1&sslmode=require&sslpassword=x').problems;
  expect(names.map(({ message }) => message.split(' ')[3])).toEqual(['loginTimeout,', 'sslpassword,']);
  const all = PARAMETERS.map((name) => `${name}=x`).join('&');
  expect(readJdbcUrl(`jdbc:postgresql://h/d?${all}`).problems).toEqual([]);
});

test.each([
  'jdbc:postgresql://u:hunter2@h/d',
  'jdbc:postgresql://u:hun/ter2@h/d',
  'jdbc:postgresql://u:99999@h:1/d',
  'jdbc:postgresql://h/d?password=x&hunter2',
  'jdbc:postgresql://h/d?password=hunter2%zz',
])('%s is refused without a word of its password', (text) => {
  const messages = readJdbcUrl(text).problems.map(({ message }) => message);
  expect(messages).toHaveLength(1);
  expect(messages.join()).not.toMatch(/hun|ter2|99999/);
});
