import { Kafka, type KafkaConfig, logLevel } from 'kafkajs';

muteNegativeTimeouts();

/** A kafkajs client that prints nothing. By default it logs every retry, and then throws the same error to its caller. */
export function quietKafka(config: KafkaConfig): Kafka {
  return new Kafka({ ...config, logLevel: logLevel.NOTHING });
}

/**
 * kafkajs 2.2.4 computes a timeout below zero now and then. Node 24 warns of each; the timer fires at once, which does no
 * harm. Every other warning is printed as before.
 */
function muteNegativeTimeouts(): void {
  process.emitWarning = new Proxy(process.emitWarning, {
    apply(emitWarning, self, args) {
      if (args[1] !== 'TimeoutNegativeWarning') Reflect.apply(emitWarning, self, args);
    },
  });
}
