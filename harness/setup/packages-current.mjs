// Exit code 0 if node_modules matches package-lock.json. Plain JavaScript for the system's Node (18 or newer), since it
// runs before the pinned Node is installed. npm's hidden lock file lists what is installed.
import { readFileSync } from 'node:fs';

const read = (path) => JSON.parse(readFileSync(path, 'utf8')).packages;

let installed;
try {
  installed = read('node_modules/.package-lock.json');
} catch (error) {
  if (error.code !== 'ENOENT') throw error;
  process.exit(1);
}
const wanted = Object.entries(read('package-lock.json')).filter(([path]) => path !== '');
// Optional packages for other platforms may be missing.
const missing = wanted.filter(([path, { version, optional }]) =>
  installed[path] === undefined ? !optional : installed[path].version !== version,
);
const extra = Object.keys(installed).filter((path) => !wanted.some(([known]) => known === path));
process.exit(missing.length + extra.length === 0 ? 0 : 1);
