// With `node --require` this file, packages are imported from the few files that join-packages.ts made of them. Loading
// the modules of @platformatic/kafka one by one takes half a second of processor time at every start of a worker.
// Without those files, or if a package was installed after they were made, the packages themselves are imported.
'use strict';

const { readFileSync, statSync } = require('node:fs');
const { registerHooks } = require('node:module');
const { join } = require('node:path');
const { pathToFileURL } = require('node:url');

const root = join(__dirname, '../..');
const index = join(root, '.cache/packages/index.json');

/** The joined file of each package, by name; empty if they must not be used. */
function joinedFiles() {
  try {
    // npm rewrites its hidden lock file whenever it installs something.
    const installed = statSync(join(root, 'node_modules/.package-lock.json')).mtimeMs;
    return statSync(index).mtimeMs < installed ? {} : JSON.parse(readFileSync(index, 'utf8'));
  } catch (error) {
    if (error.code === 'ENOENT') return {};
    throw error;
  }
}

const urls = new Map(
  Object.entries(joinedFiles()).map(([name, file]) => [name, pathToFileURL(join(index, '..', file)).href]),
);
if (urls.size > 0) {
  const ours = pathToFileURL(`${root}/`).href;
  const theirs = `${ours}node_modules/`;
  registerHooks({
    resolve(specifier, context, next) {
      const url = urls.get(specifier);
      const from = context.parentURL ?? '';
      // Imports by a user's own file or by another package are not redirected.
      if (url === undefined || !from.startsWith(ours) || from.startsWith(theirs)) return next(specifier, context);
      return { url, format: 'module', shortCircuit: true };
    },
  });
}
