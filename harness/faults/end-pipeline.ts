import { z } from 'zod';
import { LabError } from '../../pipeline/contract/errors.ts';
import type { Instance } from '../lab/lab.ts';
import { defineFault } from '../plugins/fault.ts';

/** For a pipeline that the lab did not write, through its own adapter: `fixtures/pipelines/`. */
export default defineFault({
  description: "stop or kill somebody else's pipeline, by its own adapter",
  params: z.strictObject({
    /** `kill`: without a warning. A supervisor may start it again at once. */
    how: z.enum(['stop', 'kill']),
  }),
  example: { how: 'kill' },
  needs: [],
  touches: ['instance'],

  async observe({ instance }) {
    return { ...(await instance.pipeline?.health()) };
  },

  async inject({ instance }, { how }) {
    const pipeline = pipelineOf(instance);
    await (how === 'kill' ? pipeline.kill() : pipeline.stop());
    return { how };
  },

  async prove({ instance }, { how }, before) {
    if (instance.pipeline === undefined || before.running !== true) return undefined;
    const now = await instance.pipeline.health();
    const isGone = how === 'stop' ? !now.running : now.who !== before.who;
    return isGone ? { before: before.who, now: now.who } : undefined;
  },

  async heal({ instance }) {
    const before = await instance.pipeline?.health();
    if (instance.pipeline === undefined || before?.running === true) {
      return { said: 'the pipeline was running', evidence: { ...before } };
    }
    await instance.pipeline.start();
    return { said: 'started the pipeline again', evidence: { ...(await instance.pipeline.health()) } };
  },
});

function pipelineOf({ name, pipeline }: Instance): NonNullable<Instance['pipeline']> {
  if (pipeline !== undefined) return pipeline;
  throw new LabError('CDC-5023', `${name} runs the lab's own pipeline`, {
    remedy: 'kill-service ends its workers; --pipeline chooses another pipeline',
  });
}
