import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { FINDING_CLASSES } from '../../verifier/report.ts';
import { PROJECT_DIR } from '../project.ts';
import { anchorOf, brokenLinks, headings, pages } from './pages.ts';

const all = pages();
/** The number of lines above which a page needs a table of contents. */
const LONG_PAGE = 150;

test('a link to a missing file or heading is found; a good one, an address and code are not', () => {
  const text = [
    '# A page',
    '## What is *real* here?',
    '[file](README.md) [page](docs/verify.md#nowhere) [own](#what-is-real-here) [gone](docs/gone.md)',
    '[site](https://example.org) `[code](gone.md)`',
    '```\n# no heading [x](gone.md)\n```',
  ].join('\n');
  expect(headings(text)).toEqual(['A page', 'What is *real* here?']);
  expect(brokenLinks({ path: 'X.md', text })).toEqual(['docs/verify.md#nowhere', 'docs/gone.md']);
});

test('anchors are those that GitHub makes', () => {
  expect(anchorOf('Lesson 1 · The capture restarts')).toBe('lesson-1--the-capture-restarts');
  expect(anchorOf('`--repair`, and what it does')).toBe('--repair-and-what-it-does');
});

describe.each(all)('$path', (page) => {
  test('every link leads to a file and a heading that exist', () => {
    expect(brokenLinks(page)).toEqual([]);
  });

  test('paths of the tree that it names exist', () => {
    const named = page.text.matchAll(
      /`((?:scenarios|harness|pipeline|verifier|fixtures|docker|docs|bench)\/[\w./-]+)`/g,
    );
    const gone = [...named]
      .map(([, path]) => path ?? '')
      .filter((path) => !existsSync(join(PROJECT_DIR, path)));
    expect(gone).toEqual([]);
  });
});

test.each(all.filter(({ path }) => /^docs\/decisions\/\d/.test(path)))(
  '$path has status, context, choice, alternatives and consequences, in this order',
  ({ text }) => {
    const parts = [...text.matchAll(/^\*\*([A-Z][a-z]+)[.:]\*\*(?=\s)/gm)].map(([, part]) => part);
    expect(parts).toEqual(['Status', 'Context', 'Choice', 'Alternatives', 'Consequences']);
  },
);

test('each invariant of the architecture names the file that keeps it and the test that shows it', () => {
  const page = all.find(({ path }) => path === 'docs/architecture.md')?.text ?? '';
  const table = /## Invariants\n([\s\S]*?)\n## /.exec(page)?.[1] ?? '';
  const rows = [...table.matchAll(/^\| (?!invariant|-)(.+) \| (.+) \| (.+) \|$/gm)];
  expect(rows.length).toBeGreaterThanOrEqual(10);
  expect(rows.filter(([, , kept]) => !/`[^`]+`/.test(kept ?? '')).map(([row]) => row)).toEqual([]);
  expect(rows.filter(([, , , shown]) => !/`[^`]+\.test\.ts`/.test(shown ?? '')).map(([row]) => row)).toEqual(
    [],
  );
});

test.each(all.filter(({ text }) => text.split('\n').length > LONG_PAGE))(
  '$path, which is long, opens with a table of contents',
  ({ text }) => {
    const contents = text.split('\n').filter((line) => /^\s*[-*] \[[^\]]+\]\(#[^)]+\)/.test(line));
    expect(contents.length).toBeGreaterThanOrEqual(3);
  },
);

test('the architecture says what each class of finding means, and names no other', () => {
  const page = all.find(({ path }) => path === 'docs/architecture.md')?.text ?? '';
  const section = /\n## Classes of findings\n([\s\S]*?)\n## /.exec(page)?.[1] ?? '';
  const heads = [...section.matchAll(/^\| (`.+?) \|/gm)].map(([, head]) => head ?? '');
  const named = heads.flatMap((head) => [...head.matchAll(/`([^`]+)`/g)].map(([, name]) => name));
  expect(named.toSorted()).toEqual([...FINDING_CLASSES].toSorted());
});
