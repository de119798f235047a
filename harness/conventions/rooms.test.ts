import { basename, dirname } from 'node:path';
import { expect, test } from 'vitest';
import { cyclesOf, graphOf, roomArrows } from './graph.ts';
import { importsOf, sourceFiles } from './source-files.ts';

/** The number of source files above which a folder must be split. */
const MOST_FILES = 25;
/** Folders of plug-ins: one file per plug-in, however many there are. */
const PLUG_IN_FOLDERS = [
  'harness/faults',
  'harness/steps',
  'harness/recover',
  'harness/cli/commands',
  'fixtures/defects',
  'fixtures/pipelines',
  'bench',
];
const isPlugInFolder = (folder: string): boolean =>
  PLUG_IN_FOLDERS.includes(folder) || dirname(folder) === 'scenarios';

const isTest = (path: string): boolean => /\.test\.ts$|\/testing\//.test(path);
const files = sourceFiles();
const sources = files.filter(({ path }) => !isTest(path));
const imports = sources.flatMap(importsOf).filter(({ isPackage }) => !isPackage);

test('no files import each other in a cycle, types and tests included', () => {
  const all = files.flatMap(importsOf).filter(({ isPackage }) => !isPackage);
  expect(all.length).toBeGreaterThan(1_000);
  expect(cyclesOf(graphOf(all.map(({ from, to }) => [from, to])))).toEqual([]);
});

test('sibling rooms import each other in one direction only', () => {
  const arrows = roomArrows(imports);
  expect(arrows.length).toBeGreaterThan(100);
  expect(cyclesOf(graphOf(arrows))).toEqual([]);
});

test(`no folder holds more than ${MOST_FILES} source files, folders of plug-ins aside`, () => {
  const counts = Map.groupBy(sources, ({ path }) => dirname(path));
  const large = [...counts]
    .filter(([folder, own]) => own.length > MOST_FILES && !isPlugInFolder(folder))
    .map(([folder, own]) => `${folder}: ${own.length}`);
  expect(large).toEqual([]);
});

/** A folder's entry file opens with its path and says what comes in, what goes out and what it promises. */
const HEADER =
  /^\/\*\*\n \* `([\w/.-]+)`: [\s\S]*?\n \* In: [\s\S]*?\n \* Out: [\s\S]*?\n \* Promises: [\s\S]*?\n \*\/\n/;

test('every folder with source files has one entry file that says what the folder is', () => {
  const counts = Map.groupBy(sources, ({ path }) => dirname(path));
  const wrong = [...counts].flatMap(([folder, own]) => {
    const headers = own.flatMap(({ path, text }) => {
      const named = HEADER.exec(text.replace(/^#!.*\n/, ''))?.[1];
      return named === undefined ? [] : [{ file: basename(path), named }];
    });
    const [only, ...more] = headers;
    if (only === undefined) return [`${folder}: no file opens with a header`];
    if (more.length > 0) return [`${folder}: ${headers.map(({ file }) => file).join(' and ')} both have one`];
    return only.named === folder ? [] : [`${folder}: the header of ${only.file} names ${only.named}`];
  });
  expect(wrong).toEqual([]);
});
