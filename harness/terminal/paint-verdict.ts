import type { Verdict } from '../../verifier/verdict.ts';
import type { Paint } from './page.ts';

const COLOURS = {
  PASS: 'green',
  WARN: 'yellow',
  SYNC_IN_PROGRESS: 'cyan',
  INCONCLUSIVE: 'magenta',
  FAIL: 'red',
} as const satisfies Record<Verdict, keyof Paint>;

/** The verdict in its colour. @param text Left out: the verdict itself. */
export function paintVerdict(paint: Paint, verdict: Verdict, text: string = verdict): string {
  return paint[COLOURS[verdict]](text);
}
