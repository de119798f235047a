// Exit code 0 where node_modules holds what package-lock.json says. Plain JavaScript for the system's Node (18 or
// newer): it runs before our own is there. npm's hidden lock file tells what it installed.
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
// Packages for other platforms stay out, all of them optional.
const missing = wanted.filter(([path, { version, optional }]) =>
  installed[path] === undefined ? !optional : installed[path].version !== version,
);
const extra = Object.keys(installed).filter((path) => !wanted.some(([known]) => known === path));
process.exit(missing.length + extra.length === 0 ? 0 : 1);
