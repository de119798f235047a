import type { PublishStage } from '../contract/stages.ts';

/**
 * One publish at a time, in the order of the calls: stream and snapshot share the producer's one request in
 * flight.
 */
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
