import { z } from 'zod';
import { defineFault } from '../plugins/fault.ts';
import { EARLIER, historyOf, sourceService, startSource } from './lib/source-server.ts';

/** A cold backup of the source's files. Nothing is broken yet, beyond a restart: `restore-source` follows. */
export default defineFault({
  description: 'stop the source, copy its files, and start it again',
  params: z.strictObject({}),
  example: {},
  needs: ['stop', 'start', 'copyData'],
  touches: ['pg-source'],

  async observe(context) {
    return { ...(await historyOf(context)) };
  },

  async inject({ lab, instance }) {
    const service = sourceService(instance);
    await lab.runtime.stop?.(service);
    const copied = await lab.runtime.copyData?.(service, EARLIER);
    await lab.runtime.start?.(service);
    return { copied: copied?.evidence.to };
  },

  async prove(context, _, before, { copied }) {
    const now = await historyOf(context);
    if (typeof copied !== 'string' || now.system !== before.system) return undefined;
    return { copied, walEnd: before.walEnd };
  },

  async heal(context) {
    return { said: await startSource(context), evidence: {} };
  },
});
