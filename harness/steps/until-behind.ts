import { z } from 'zod';
import { defineStep } from '../plugins/step.ts';
import { until } from '../wait.ts';

export default defineStep({
  description: 'wait until the sink is this many events behind, and at least for the seconds asked for',
  params: z.strictObject({ events: z.number().int().positive() }),
  example: { events: 1000 },
  touches: ['instance'],
  waitsForWrites: true,

  async run({ access, tunables, note, progress, record, signal, withinMs }, { events }) {
    const start = performance.now();
    const behind = async () => {
      const lag = (await access.lag()).events;
      progress('events behind', lag, events);
      const held = performance.now() - start >= tunables.seconds * 1000;
      return lag >= events && held ? lag : undefined;
    };
    const what = `the sink to be ${events} events behind`;
    const lag = await until(behind, { what, everyMs: 250, signal, withinMs });
    note('behind', { events: lag, heldMs: Math.round(performance.now() - start) });
    record('consumer-lag', { eventsBehind: lag });
  },
});
