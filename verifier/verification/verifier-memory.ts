import { LedgerMemory } from '../observe/ledger/ledger-memory.ts';
import { TopicLog } from '../observe/topic/topic-log.ts';
import { HealedHistory } from './healed-history.ts';

/** What a verifier remembers from one verification to the next, so that each reads only what is new. */
export class VerifierMemory {
  readonly ledger: LedgerMemory;
  readonly topics = new TopicLog();
  /** Newest position that each watched row of the sink has shown, by table and key. */
  readonly positions = new Map<string, Map<string, string>>();

  /** Faults that counts which never go down still show. */
  readonly healed = new HealedHistory();

  constructor(nowMs: () => number = () => performance.now()) {
    this.ledger = new LedgerMemory(nowMs);
  }
}
