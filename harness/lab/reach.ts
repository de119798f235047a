import type { VerifierConfig } from '../../verifier/config.ts';
import type { KafkaConnection } from '../../verifier/connection/kafka.ts';
import type { ConnectClientOptions } from '../connect/connect-client.ts';

/** How to reach a pipeline that somebody else runs: logins and certificates, and no verifier process of the lab's. */
export interface Reach {
  readonly kafka: KafkaConnection;
  /** REST API of each connector's cluster. */
  readonly connect: Readonly<Record<'capture' | 'sink', ConnectClientOptions>>;
  /** Sessions on the databases may only read. */
  readonly readOnly: boolean;
  /** For a verification within this process, as things stand. */
  readonly verifierConfig: () => VerifierConfig;
}
