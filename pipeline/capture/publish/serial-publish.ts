import type { PublishStage } from '../../contract/stages.ts';

/** One publish at a time, in the order of the calls: a planted defect may keep records from one to the next. */
export function serialize(stage: PublishStage): PublishStage {
  let last: Promise<void> = Promise.resolve();
  return {
    async publish(records) {
      const mine = last.then(() => stage.publish(records));
      // The next one goes on whatever became of this one: its own caller gets the error.
      last = mine.catch(() => {});
      await mine;
    },
  };
}
