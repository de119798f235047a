import { execFile } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { temporaryLab } from '../process/testing/temporary-lab.ts';

test('concurrent changes by several processes are all kept', async () => {
  await using lab = temporaryLab();
  const module = join(import.meta.dirname, 'run-file.ts');
  const script = `
    import { RunFile } from '${module}';
    const file = new RunFile('${lab.dir}');
    for (let i = 0; i < 20; i++) await file.update((run) => { run.ports.pgSource++; });`;
  const run = () => promisify(execFile)(process.execPath, ['--input-type=module', '--eval', script]);
  const here = Array.from({ length: 20 }, () =>
    lab.runFile.update((file) => {
      file.ports.pgSource++;
    }),
  );
  await Promise.all([run(), run(), run(), ...here]);
  expect(lab.runFile.read()?.ports.pgSource).toBe(80);
  expect(readdirSync(lab.dir)).toEqual(['run.json']);
});

test('a change that throws leaves the file as it was, and the next one succeeds', async () => {
  await using lab = temporaryLab();
  const before = readFileSync(lab.runFile.path, 'utf8');
  const failing = lab.runFile.update((run) => {
    run.runId = 'never';
    throw new Error('no');
  });
  await expect(failing).rejects.toThrow('no');
  expect(readFileSync(lab.runFile.path, 'utf8')).toBe(before);
  expect(await lab.runFile.update((run) => run.runId)).toBe('test');
});

test.each(['', '{', '{"schemaVersion": 9}', 'null'])(
  'a file that contains %j is refused by name',
  async (text) => {
    await using lab = temporaryLab();
    writeFileSync(lab.runFile.path, text);
    expect(() => lab.runFile.read()).toThrow(expect.objectContaining({ code: 'CDC-5113' }));
  },
);

test('only its owner can read the file', async () => {
  await using lab = temporaryLab();
  await lab.runFile.update(() => undefined);
  const { statSync } = await import('node:fs');
  expect(statSync(lab.runFile.path).mode & 0o777).toBe(0o600);
});
