import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '../../../pipeline/contract/errors.ts';
import { openAccess } from '../../access/live-access.ts';
import { type CliContext, EXIT, say } from '../context.ts';
import { openInstance } from '../lab-control.ts';
import { standstillOf } from '../next-step.ts';
import type { WatchFlags } from '../option-table.ts';
import { pageOf } from '../page.ts';
import { renderReport } from '../report/render-report.ts';

const CLEAR = '\u001B[H\u001B[2J';
/** How long one verification waits for the pipeline to catch up. */
const VERIFY_WITHIN_MS = 1000;

/** Redraws the report until Ctrl-C, which is the usual way to end it and not an error. */
export async function watch(context: CliContext, options: WatchFlags): Promise<number> {
  const { instance: name, interval, verbose, count = Number.POSITIVE_INFINITY } = options;
  const { lab, instance } = await openInstance(context, name);
  await using access = await openAccess(instance);
  const page = pageOf(context);
  const { paint } = page;
  const look = { verbose, explain: context.target };
  for (let drawn = 0; drawn < count && !context.signal.aborted; drawn += 1) {
    if (drawn > 0) await pause(interval * 1000, context.signal);
    if (context.signal.aborted) break;
    const { sentences } = await standstillOf(lab, name);
    const answer = await access
      .verify({ deadlineMs: VERIFY_WITHIN_MS, signal: context.signal })
      .catch((error: unknown) => `no report: ${messageOf(error)}`);
    if (context.json) {
      // stdout holds one report a line, and nothing else.
      for (const sentence of sentences) say(context, sentence);
      if (typeof answer === 'string') say(context, answer);
      else context.stdout.write(`${JSON.stringify(answer)}\n`);
      continue;
    }
    if (Number.isFinite(context.width)) context.stdout.write(CLEAR);
    const picture = typeof answer === 'string' ? answer : renderReport(answer, page, look);
    const said = sentences.map((sentence) => paint.red(sentence));
    context.stdout.write(`${[...said, picture].join('\n')}\n`);
  }
  return EXIT.ok;
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch((error: unknown) => {
    if (!signal.aborted) throw error;
  });
}
