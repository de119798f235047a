import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { OLDEST_NODE, PROJECT_DIR } from '../project.ts';

let root: string;

/** A checkout without a pinned Node, in which every command is `entry started`. */
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'cdc-lab-node-'));
  for (const folder of ['bin', 'node_modules', 'harness/setup', 'harness/cli', 'path']) {
    mkdirSync(join(root, folder), { recursive: true });
  }
  copyFileSync(join(PROJECT_DIR, 'bin/cdc-lab'), join(root, 'bin/cdc-lab'));
  chmodSync(join(root, 'bin/cdc-lab'), 0o755);
  writeFileSync(join(root, 'harness/setup/joined-packages.cjs'), '');
  writeFileSync(join(root, 'harness/cli/main.ts'), "console.log('entry started')");
});

afterEach(() => rmSync(root, { recursive: true, force: true }));

/** Runs the launcher with a Node in PATH that claims to be `version`. */
async function launchWith(version: string) {
  const pretend = join(root, 'pretend.cjs');
  writeFileSync(pretend, `Object.defineProperty(process.versions, 'node', { value: '${version}' });`);
  const node = join(root, 'path/node');
  writeFileSync(
    node,
    `#!/bin/sh\n[ "$1" = --version ] && { echo v${version}; exit; }\nexec '${process.execPath}' --require '${pretend}' "$@"\n`,
  );
  chmodSync(node, 0o755);
  const env = { PATH: `${join(root, 'path')}:/usr/bin:/bin` };
  return await execa(join(root, 'bin/cdc-lab'), ['status'], { env, extendEnv: false, reject: false });
}

test('the launcher refuses an older Node in one sentence, before any of our code is parsed', async () => {
  const { exitCode, stdout, stderr } = await launchWith(`${OLDEST_NODE - 1}.11.0`);
  expect(exitCode).toBe(69);
  expect(stdout).toBe('');
  expect(stderr.split('\n')[0]).toBe(
    `cdc-lab: Node.js ${OLDEST_NODE} or newer is needed, and this is v${OLDEST_NODE - 1}.11.0.`,
  );
});

test('the launcher starts the command line on the oldest supported Node', async () => {
  const { exitCode, stdout } = await launchWith(`${OLDEST_NODE}.0.0`);
  expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: 'entry started' });
});

test('package.json and the pages name the same oldest Node', () => {
  const { engines } = JSON.parse(readFileSync(join(PROJECT_DIR, 'package.json'), 'utf8'));
  expect(engines.node).toBe(`>=${OLDEST_NODE}`);
  expect(readFileSync(join(PROJECT_DIR, 'docs/continuous.md'), 'utf8')).toContain(
    `any from ${OLDEST_NODE} on`,
  );
});
