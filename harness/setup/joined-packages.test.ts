import { mkdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { beforeEach, expect, test } from 'vitest';
import { makeTestFolder } from '../../fixtures/testing/test-folder.ts';
import { PROJECT_DIR } from '../project.ts';

const PRELOAD = 'harness/setup/joined-packages.cjs';
const IMPORTS = "import { from } from 'some-package'; console.log(from);";
const [EARLIER, LATER] = [new Date('2026-01-01'), new Date('2026-01-02')];

let root: string;

function file(path: string, text: string, at = EARLIER): void {
  mkdirSync(join(root, path, '..'), { recursive: true });
  writeFileSync(join(root, path), text);
  utimesSync(join(root, path), at, at);
}

/** A project with one package, and that package joined. */
beforeEach(() => {
  root = makeTestFolder();
  for (const name of ['some-package', 'other-package']) {
    file(
      `node_modules/${name}/package.json`,
      JSON.stringify({ name, type: 'module', exports: './index.js' }),
    );
  }
  file('node_modules/some-package/index.js', "export const from = 'the package';");
  file('node_modules/other-package/index.js', "export { from } from 'some-package';");
  file('node_modules/.package-lock.json', '{}');
  file('.cache/packages/some-package.mjs', "export const from = 'the joined file';");
  file('.cache/packages/index.json', JSON.stringify({ 'some-package': 'some-package.mjs' }));
  file('main.mjs', IMPORTS);
  file(PRELOAD, readFileSync(join(PROJECT_DIR, PRELOAD), 'utf8'));
});

async function run(main = 'main.mjs'): Promise<string> {
  const { stdout } = await execa(process.execPath, ['--require', join(root, PRELOAD), join(root, main)]);
  return stdout;
}

test('a package is imported and required from its joined file', async () => {
  file('main.cjs', "console.log(require('some-package').from);");
  expect(await run()).toBe('the joined file');
  expect(await run('main.cjs')).toBe('the joined file');
});

test('a package installed after it was joined is imported itself', async () => {
  file('node_modules/.package-lock.json', '{}', LATER);
  expect(await run()).toBe('the package');
});

test('without joined files the packages are imported as usual', async () => {
  rmSync(join(root, '.cache'), { recursive: true });
  expect(await run()).toBe('the package');
});

test('imports by other packages are not redirected', async () => {
  file('main.mjs', IMPORTS.replace('some-package', 'other-package'));
  expect(await run()).toBe('the package');
});
