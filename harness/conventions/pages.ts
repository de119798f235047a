import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { PROJECT_DIR } from '../project.ts';

export interface Page {
  /** From the project's folder, with `/`. */
  readonly path: string;
  readonly text: string;
}

/** Folders that hold pages for people. */
const FOLDERS = ['docs', 'fixtures', '.github'] as const;

/** Every Markdown page for people. */
export function pages(): Page[] {
  const top = readdirSync(PROJECT_DIR).filter((name) => name.endsWith('.md'));
  const below = FOLDERS.flatMap((folder) =>
    readdirSync(join(PROJECT_DIR, folder), { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith('.md'))
      .map((path) => join(folder, path)),
  );
  return [...top, ...below].map((path) => ({ path, text: readFileSync(join(PROJECT_DIR, path), 'utf8') }));
}

/** A page without its code blocks, whose `#` is no heading and whose brackets are no link. */
function prose(text: string): string {
  return text
    .replaceAll(/^```[\s\S]*?^```/gm, '')
    .replaceAll(/`[^`\n]*`/g, (code) => code.replaceAll(/[[\]]/g, ' '));
}

export function headings(text: string): string[] {
  return [...prose(text).matchAll(/^#{1,6} (.+)$/gm)].map(([, title]) => title ?? '');
}

/** The anchor that GitHub gives a heading: lower case, blanks as dashes, and no other punctuation. */
export function anchorOf(heading: string): string {
  return heading
    .trim()
    .toLowerCase()
    .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1')
    .replaceAll(/[^\p{L}\p{N}\p{M} _-]/gu, '')
    .replaceAll(' ', '-');
}

/** Links of a page that lead nowhere: a file that is missing, or an anchor that no heading has. */
export function brokenLinks({ path, text }: Page): string[] {
  const links = [...prose(text).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => target ?? '');
  return links
    .filter((target) => !/^[a-z]+:/.test(target))
    .filter((target) => {
      const [file = '', anchor] = target.split('#');
      const at = file === '' ? path : relative(PROJECT_DIR, join(PROJECT_DIR, dirname(path), file));
      if (file !== '' && !existsSync(join(PROJECT_DIR, at))) return true;
      if (anchor === undefined) return false;
      const there = file === '' ? text : readFileSync(join(PROJECT_DIR, at), 'utf8');
      return !headings(there).map(anchorOf).includes(anchor);
    });
}
