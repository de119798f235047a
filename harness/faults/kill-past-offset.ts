import { z } from 'zod';
import { isRunning, startIfDown } from '../access/instance-services.ts';
import { defineFault } from '../plugins/fault.ts';
import { until } from '../wait.ts';

/**
 * Kills a source worker of Kafka Connect while its topics hold records past its stored offset, which it will send again
 * after the start. Connect stores offsets on a timer, so the fault waits until just after that.
 */
export default defineFault({
  description: 'SIGKILL the capture when it has published records past its stored offset',
  params: z.strictObject({
    /** Records to be published after the offset was stored. */
    records: z.number().int().positive(),
  }),
  example: { records: 20 },
  needs: ['kill', 'start'],
  touches: ['instance'],

  async observe({ lab, instance, access }) {
    const service = instance.services.capture;
    const info = (await lab.runtime.services()).find((candidate) => candidate.name === service);
    return { service, pid: info?.pid ?? null, published: await published(access) };
  },

  async inject({ lab, instance, access, signal, withinMs }, { records }) {
    const service = instance.services.capture;
    const wait = { withinMs, everyMs: 50, signal };
    const before = await offsetText(access);
    // Just after an offset was stored, the next one is a whole interval away.
    const moved = async () => ((await offsetText(access)) === before ? undefined : true);
    await until(moved, { ...wait, what: `${service} to store its offset` });
    let [offset, start] = [await offsetText(access), await published(access)];
    const uncovered = async () => {
      const past = (await published(access)) - start;
      if (past < records) return undefined;
      const now = await offsetText(access);
      if (now === offset) return past;
      [offset, start] = [now, await published(access)];
      return undefined;
    };
    const past = await until(uncovered, { ...wait, what: `${records} records past the stored offset` });
    const proof = await lab.runtime.kill?.(service);
    return { storedOffset: JSON.parse(offset), publishedPastIt: past, killed: proof?.evidence ?? {} };
  },

  async prove({ lab, instance }, _, before) {
    const service = instance.services.capture;
    if (await isRunning(lab.runtime, service)) return undefined;
    return { service, pidBefore: before.pid, gone: true, publishedBefore: before.published };
  },

  async heal({ lab, instance, signal }) {
    const service = instance.services.capture;
    const started = await startIfDown(lab.runtime, service, signal);
    const said = started === null ? `${service} was running` : `started ${service} again`;
    return { said, evidence: started?.evidence ?? {} };
  },
});

type Look = Parameters<Parameters<typeof defineFault>[0]['heal']>[0]['access'];

async function published(access: Look): Promise<number> {
  return [...(await access.endOffsets()).values()].reduce((sum, end) => sum + Number(end), 0);
}

async function offsetText(access: Look): Promise<string> {
  return JSON.stringify(await access.connectorOffsets('capture'));
}
