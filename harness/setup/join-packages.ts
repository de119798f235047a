import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Plugin, rolldown } from 'rolldown';
import { PROJECT_DIR } from '../project.ts';

/**
 * Packages that the lab's processes load when they start. `joined-packages.cjs` redirects their imports to the
 * joined files.
 */
const PACKAGES = [
  ...['@platformatic/kafka', 'kafkajs', 'pg', 'fastify', 'prom-client', 'zod'],
  ...['commander', 'execa', 'chalk', 'cli-table3'],
];
/** Native modules and optional dependencies, which stay separate. */
const LEFT_OUT = [/\.node$/, /^@node-rs\//, /^@platformatic\/wasm-utils/, /^protobufjs/, /^pg-native/];
const FOLDER = join(PROJECT_DIR, '.cache', 'packages');
const ENTRY = 'joined:';

/** An entry that re-exports everything the package exports; for CommonJS too, by the names that Node finds. */
const entries: Plugin = {
  name: 'entries',
  resolveId(id, from) {
    if (id.startsWith(ENTRY)) return id;
    return from?.startsWith(ENTRY) ? this.resolve(id, join(PROJECT_DIR, 'package.json')) : null;
  },
  async load(id) {
    if (!id.startsWith(ENTRY)) return null;
    const name = id.slice(ENTRY.length);
    return `export { ${(await exportsOf(name)).join(', ')} } from ${JSON.stringify(name)};`;
  },
};

async function exportsOf(specifier: string): Promise<string[]> {
  const module: object = await import(specifier);
  return Object.keys(module).filter((name) => name !== 'module.exports');
}

function fileOf(name: string): string {
  return `${name.replace(/^@/, '').replaceAll('/', '-')}.mjs`;
}

/** Joins each package and what it depends on to one file; what several of them need comes once. */
async function joinPackages(folder: string): Promise<void> {
  await using build = await rolldown({
    cwd: PROJECT_DIR,
    platform: 'node',
    logLevel: 'silent',
    input: Object.fromEntries(PACKAGES.map((name) => [fileOf(name), ENTRY + name])),
    external: LEFT_OUT,
    plugins: [entries],
  });
  await build.write({ dir: folder, entryFileNames: '[name]', chunkFileNames: 'shared-[hash].mjs' });
  for (const name of PACKAGES) {
    const joined = await exportsOf(pathToFileURL(join(folder, fileOf(name))).href);
    const lost = (await exportsOf(name)).filter((one) => !joined.includes(one));
    if (lost.length > 0) throw new Error(`joining ${name} has lost its exports ${lost.join(', ')}`);
  }
  const index = Object.fromEntries(PACKAGES.map((name) => [name, fileOf(name)]));
  writeFileSync(join(folder, 'index.json'), JSON.stringify(index, null, 2));
}

// Written to another folder, and moved into place as a whole.
const fresh = `${FOLDER}.${process.pid}`;
try {
  mkdirSync(fresh, { recursive: true });
  await joinPackages(fresh);
  rmSync(FOLDER, { recursive: true, force: true });
  renameSync(fresh, FOLDER);
} finally {
  rmSync(fresh, { recursive: true, force: true });
}
