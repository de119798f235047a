import { type Page, painter } from '../terminal/page.ts';
import type { CliContext } from './context.ts';

/** The page that stdout is. */
export function pageOf({ color, width }: CliContext): Page {
  return { paint: painter(color), width };
}
