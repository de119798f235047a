import { describe, expect, test } from 'vitest';
import { FastPathScanner } from './fast-path-scanner.ts';
import { parseJson } from './json.ts';

/** Reads one value, which must be all of the text. */
function scan(text: string): unknown {
  const scanner = new FastPathScanner();
  scanner.start(Buffer.from(text), 0);
  const value = scanner.value();
  if (!scanner.isAtEnd) throw new Error('text follows the value');
  return value;
}

/** Whether skipping reads exactly one value. */
function skips(text: string): boolean {
  const scanner = new FastPathScanner();
  scanner.start(Buffer.from(text), 0);
  try {
    scanner.skipValue();
    return scanner.isAtEnd;
  } catch {
    return false;
  }
}

describe('FastPathScanner', () => {
  test.each([
    ...[
      '0',
      '-0',
      '7',
      '-12',
      '999999999999999',
      '-999999999999999',
      '9007199254740991',
      '1e3',
      '1.5E-7',
      '0.1',
    ],
    ...[
      '1e400',
      '-1.0',
      '123456789012345.75',
      'true',
      'false',
      'null',
      '""',
      '"a"',
      '"é😀"',
      '"a\\"b\\\\c\\/\\n"',
    ],
    ...['"\u007f"', '{}', '[]', '{"a":[1,{"b":"}\\""}],"c":null}', '[9007199254740993]', '["",0,[[]]]'],
  ])('reads %s as JSON.parse does', (text) => {
    expect(scan(text)).toEqual(parseJson(text, 'all'));
    expect(skips(text)).toBe(true);
  });

  test.each([
    ...[
      '',
      '-',
      '01',
      '1.',
      '.5',
      '+1',
      '1e',
      '1e+',
      '0x1',
      'NaN',
      'tru',
      'nul',
      'undefined',
      '"',
      '"a',
      '"\\x"',
    ],
    ...[
      '"\\',
      '"\n"',
      '"\u0000"',
      '{',
      '[',
      '[1',
      '[1,]',
      '[,1]',
      '{"a"}',
      '{"a":}',
      '{"a":1,}',
      '{a:1}',
      '}',
      ',',
    ],
    ...["'a'", '[1}', '{"a":1]', '"a"x', '{"a":tru}', '[01]', '["\t"]'],
  ])('neither reads nor skips %j, which is not JSON', (text) => {
    expect(() => JSON.parse(text)).toThrow();
    expect(() => scan(text)).toThrow();
    expect(skips(text)).toBe(false);
  });

  test.each(['9007199254740993', '-123456789012345678901', '1e20', ' 1', '1 ', '{"a": 1}', '"\\u00e9"'])(
    'leaves %j to JSON.parse, which reads it correctly',
    (text) => {
      expect(() => JSON.parse(text)).not.toThrow();
      expect(() => scan(text)).toThrow();
    },
  );

  test('skips nothing that JSON.parse refuses, whichever byte is wrong', () => {
    const good = '{"a":[1,-2.5e3,"x\\"y\\\\",true,null],"b":{"c":"ü"},"d":""}';
    expect(skips(good)).toBe(true);
    for (let at = 0; at < good.length; at++) {
      for (const wrong of ['', '"', '\\', '{', ']', ',', '0', '-', 'e', ' ', '\u0001']) {
        const text = good.slice(0, at) + wrong + good.slice(at + 1);
        if (skips(text)) expect(() => JSON.parse(text)).not.toThrow();
      }
    }
  });
});
