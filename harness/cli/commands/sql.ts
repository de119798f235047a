import { createInterface } from 'node:readline/promises';
import { execa } from 'execa';
import type pg from 'pg';
import { connectTo } from '../../../fixtures/database.ts';
import { messageOf } from '../../../pipeline/contract/errors.ts';
import { didYouMean } from '../../../pipeline/contract/nearest.ts';
import { connectionOptions } from '../../../verifier/connection/connection-string.ts';
import { UsageError } from '../../errors.ts';
import { columns } from '../../terminal/columns.ts';
import { type CliContext, EXIT, printJson, say } from '../context.ts';
import { openInstance } from '../lab-control.ts';
import type { LookFlags } from '../option-table.ts';
import { pageOf } from '../page.ts';

const SIDES = ['source', 'sink'];

/** One statement as a table, or a prompt: psql if it is installed, otherwise a small one of ours. */
export async function sql(
  context: CliContext,
  options: LookFlags,
  [side = '', statement]: readonly string[],
): Promise<number> {
  if (!SIDES.includes(side)) {
    throw new UsageError(`there is no side "${side}".${didYouMean(side, SIDES)}`, 'use source or sink');
  }
  const { instance } = await openInstance(context, options.instance);
  const { sourceUrl, sinkUrl, reach } = instance;
  const url = side === 'source' ? sourceUrl : sinkUrl;
  // With psql, the password of such a target would show in the process list.
  if (statement === undefined && reach === undefined && (await hasPsql())) {
    // The password is in PGPASSWORD of this process, which psql inherits.
    const { exitCode } = await execa('psql', [url], { stdio: 'inherit', reject: false });
    return exitCode ?? EXIT.failed;
  }
  await using client = await connectTo({
    ...connectionOptions(url, `${side}.password`),
    application_name: 'cdc-lab-sql',
    ...(reach?.readOnly === true ? { options: '-c default_transaction_read_only=on' } : {}),
  });
  if (statement !== undefined) return await once(context, client, statement);
  await prompt(context, client, side);
  return EXIT.ok;
}

async function hasPsql(): Promise<boolean> {
  const { exitCode } = await execa('psql', ['--version'], { reject: false, stdio: 'ignore' });
  return exitCode === 0;
}

async function once(context: CliContext, client: pg.Client, statement: string): Promise<number> {
  try {
    await print(context, client, statement);
    return EXIT.ok;
  } catch (error) {
    say(context, `cdc-lab: ${messageOf(error)}`);
    return EXIT.failed;
  }
}

async function print(context: CliContext, client: pg.Client, statement: string): Promise<void> {
  const answer = await client.query({ text: statement, rowMode: 'array' });
  // Several statements in one text give several results.
  for (const result of Array.isArray(answer) ? answer : [answer]) printResult(context, result);
}

function printResult(context: CliContext, result: pg.QueryArrayResult): void {
  const names = result.fields.map((field) => field.name);
  if (context.json) {
    const rows = result.rows.map((row) => Object.fromEntries(names.map((name, index) => [name, row[index]])));
    printJson(context, { schemaVersion: 1, command: result.command, rowCount: result.rowCount, rows });
    return;
  }
  if (names.length > 0) {
    const rows = result.rows.map((row) => row.map(text));
    // A row of values is a line, however wide.
    const page = { ...pageOf(context), width: Number.POSITIVE_INFINITY };
    context.stdout.write(`${columns(page, names, rows)}\n`);
  }
  const count = result.rowCount ?? 0;
  context.stdout.write(
    names.length > 0 ? `(${count} ${count === 1 ? 'row' : 'rows'})\n` : `${result.command} ${count}\n`,
  );
}

function text(value: unknown): string {
  if (value === null) return '∅';
  if (value instanceof Date) return value.toISOString();
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

async function prompt(context: CliContext, client: pg.Client, side: string): Promise<void> {
  const lines = createInterface({ input: process.stdin, output: process.stderr, prompt: `${side}=> ` });
  say(context, 'One statement, ended with ;  (\\q to leave)');
  let statement = '';
  lines.prompt();
  for await (const line of lines) {
    if (line.trim() === '\\q') break;
    statement += `${line}\n`;
    if (line.trimEnd().endsWith(';')) {
      await once(context, client, statement);
      statement = '';
    }
    lines.setPrompt(statement === '' ? `${side}=> ` : `${side}-> `);
    lines.prompt();
  }
  lines.close();
}
