import { PassThrough } from 'node:stream';
import type { Command } from 'commander';
import { execa } from 'execa';
import { expect, test } from 'vitest';
import { parseKey, tableNamed } from '../../../verifier/explain/parse-key.ts';
import type { Table } from '../../../verifier/observe/source/catalogue.ts';
import { tableId } from '../../../verifier/table-id.ts';
import { declareProgram } from '../program.ts';
import { explainCommand } from './explain-command.ts';

function tableOf(schema: string, name: string, key: readonly string[]): Table {
  const columns = [...key, 'note'].map((column, index) => ({
    ...{ name: column, number: index + 1, type: 'text', typeOid: 25, notNull: true, keyRank: index + 1 },
  }));
  const named = { schema, name, id: tableId({ schema, name }) };
  return { ...named, columns, key: columns.slice(0, key.length) } as unknown as Table;
}

/** Pastes the line into a shell, and parses what `cdc-lab` gets there with the real command line. */
async function paste(line: string): Promise<{ args: readonly string[]; options: Record<string, unknown> }> {
  const { stdout } = await execa('bash', ['-c', `cdc-lab() { printf '%s\\0' "$@"; }\n${line}`]);
  const streams = { stdout: new PassThrough().resume(), stderr: new PassThrough().resume() };
  const io = { env: {}, stdoutIsTty: false, stderrIsTty: false, signal: new AbortController().signal };
  const program = declareProgram({ ...io, ...streams }, () => undefined);
  let called: { args: readonly string[]; options: Record<string, unknown> } | undefined;
  const explain = program.commands.find((command) => command.name() === 'explain');
  explain?.action(function (this: Command) {
    called = { args: this.args, options: this.optsWithGlobals() };
  });
  program.parse(stdout.split('\0').slice(0, -1), { from: 'user' });
  if (called === undefined) throw new Error(`not a call of explain: ${line}`);
  return called;
}

const VALUES = [
  '86ebd258-da0d-b1e9-157c-ccd89874c00b',
  '-5',
  '',
  ' two  blanks ',
  "it's",
  'say "yes"',
  'a,b',
  'a=b',
  'a\\,b\\',
  '$HOME $(id) `id` !x',
  '*',
  'two\nlines\tand \u001b[2J',
  'ünï 表 👍',
  '--json',
];
const NAMES = ['id', 'a=b', 'a,b', 'a', 'Mixed "Case"', "o'clock", '-x', 'back\\slash', 'a b'];

test.each(VALUES)('the printed command finds the key %j again', async (value) => {
  for (const name of NAMES) {
    const table = tableOf('public', 'orders', [name]);
    const line = explainCommand({ table: table.id, key: [name] }, { [name]: value }, []) ?? '';
    const { args } = await paste(line);
    expect(parseKey(args[1] ?? '', table), line).toEqual({ [name]: value });
  }
});

test.each(VALUES)('and so does that for a key of several columns, with the value %j', async (value) => {
  for (const name of NAMES) {
    const names = [name, 'a', 'line'].filter((one, index, all) => all.indexOf(one) === index);
    const key = Object.fromEntries(names.map((one) => [one, value]));
    const table = tableOf('public', 'orders', names);
    const line = explainCommand({ table: table.id, key: names }, key, []) ?? '';
    const { args } = await paste(line);
    expect(parseKey(args[1] ?? '', table), line).toEqual(key);
  }
});

test.each([
  ['public', 'orders'],
  ['a.b', 'c'],
  ['public', 'c=d'],
  ['public', "o'clock $x"],
  ['Shop', '-dash "q"'],
])('and the table %s.%s', async (schema, name) => {
  const table = tableOf(schema, name, ['id']);
  const line = explainCommand({ table: table.id, key: ['id'] }, { id: '1' }, ['--dir', 'my lab']) ?? '';
  const { args, options } = await paste(line);
  expect(tableNamed(args[0] ?? '', new Map([[table.id, table]]))).toBe(table);
  expect(options.dir).toBe('my lab');
});

test('a key that is not the whole primary key has no command', () => {
  const table = { table: 'public.t', key: ['a', 'b'] };
  expect(explainCommand(table, { a: '1' }, [])).toBeNull();
  expect(explainCommand(table, { a: '1', b: null }, [])).toBeNull();
  expect(explainCommand(table, { a: '1', b: '2', c: '3' }, [])).toBeNull();
  expect(explainCommand({ table: 'public.t' }, { a: '1' }, [])).toBeNull();
  expect(explainCommand(undefined, { a: '1' }, [])).toBeNull();
});
