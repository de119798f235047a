import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '../../../pipeline/contract/errors.ts';
import { openAccess } from '../../access/live-access.ts';
import { type CliContext, EXIT } from '../context.ts';
import { openInstance } from '../lab-control.ts';
import { standstillOf } from '../next-step.ts';
import type { WatchFlags } from '../option-table.ts';
import { pageOf } from '../page.ts';
import { explainOptions } from '../print-report.ts';
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
  const look = { verbose, explain: explainOptions(context, name) };
  for (let drawn = 0; drawn < count && !context.signal.aborted; drawn += 1) {
    if (drawn > 0) await pause(interval * 1000, context.signal);
    if (context.signal.aborted) break;
    const said = (await standstillOf(lab, name)).sentences.map((sentence) => paint.red(sentence));
    const picture = await access
      .verify({ deadlineMs: VERIFY_WITHIN_MS, signal: context.signal })
      .then((report) => (context.json ? JSON.stringify(report) : renderReport(report, page, look)))
      .catch((error: unknown) => `no report: ${messageOf(error)}`);
    if (Number.isFinite(context.width) && !context.json) context.stdout.write(CLEAR);
    context.stdout.write(`${[...said, picture].join('\n')}\n`);
  }
  return EXIT.ok;
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch((error: unknown) => {
    if (!signal.aborted) throw error;
  });
}
