// `node --require` this: packages are then imported from the few files that join-packages.ts has made of them. Loading
// the modules of @platformatic/kafka one by one takes Node half a second of processor time, at every start of a worker.
// Without those files, or once a package was installed after they were made, the packages themselves are imported.
'use strict';

const { readFileSync, statSync } = require('node:fs');
const { registerHooks } = require('node:module');
const { join } = require('node:path');
const { pathToFileURL } = require('node:url');

const root = join(__dirname, '../..');
const index = join(root, '.cache/packages/index.json');

/** The joined file of each package, by name; empty where they are not to be used. */
function joinedFiles() {
  try {
    // npm writes its hidden lock file with whatever it installs.
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
      // What a user's own file or another package imports is theirs to choose.
      if (url === undefined || !from.startsWith(ours) || from.startsWith(theirs)) return next(specifier, context);
      return { url, format: 'module', shortCircuit: true };
    },
  });
}
