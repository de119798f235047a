import { Counter, Gauge, Registry } from 'prom-client';
import { FINDING_CLASSES, type Report } from './report.ts';
import { VERDICTS } from './verdict.ts';

/** The verifier's metrics for Prometheus, drawn from its reports. */
export class VerifierMetrics {
  readonly registry = new Registry();
  readonly #verdict = this.#gauge('cdc_verifier_verdict', 'Last verdict: 1 for the one that holds.', [
    'verdict',
  ]);
  readonly #findings = this.#gauge('cdc_verifier_findings', 'Rows or things wrong, by class.', ['class']);
  readonly #behind = this.#gauge('cdc_verifier_events_behind', 'Events between sink and topics.', []);
  readonly #wal = this.#gauge('cdc_verifier_wal_behind_bytes', 'WAL that the slot has not confirmed.', []);
  readonly #coverage = this.#gauge('cdc_verifier_coverage', 'Share of tables compared in full.', []);
  readonly #at = this.#gauge(
    'cdc_verifier_last_report_timestamp_seconds',
    'When the last report was made.',
    [],
  );
  readonly #duration = this.#gauge('cdc_verifier_duration_seconds', 'What the last verification took.', []);
  readonly #suppressed = this.#gauge(
    'cdc_verifier_suppressed_deliveries',
    'Duplicates that the sink suppressed.',
    [],
  );
  readonly #rows = this.#gauge('cdc_verifier_table_rows', 'Rows per table and side.', ['table', 'side']);
  readonly #total = new Counter({
    name: 'cdc_verifier_verifications_total',
    help: 'Verifications by verdict.',
    labelNames: ['verdict'],
    registers: [this.registry],
  });

  record(report: Report): void {
    for (const verdict of VERDICTS) this.#verdict.set({ verdict }, verdict === report.verdict ? 1 : 0);
    for (const name of FINDING_CLASSES) {
      const own = report.findings.filter((finding) => finding.class === name);
      this.#findings.set(
        { class: name },
        own.reduce((sum, finding) => sum + finding.count, 0),
      );
    }
    for (const { table, sourceRows, sinkRows } of report.tables) {
      if (sourceRows !== null) this.#rows.set({ table, side: 'source' }, sourceRows);
      if (sinkRows !== null) this.#rows.set({ table, side: 'sink' }, sinkRows);
    }
    if (report.progress !== null) {
      this.#behind.set(report.progress.eventsBehind);
      this.#wal.set(report.progress.walBehindBytes);
    }
    this.#coverage.set(report.coverage);
    this.#at.set(Date.parse(report.at) / 1000);
    this.#duration.set(report.durationMs / 1000);
    this.#suppressed.set(report.deliveries?.duplicatesSuppressed ?? 0);
    this.#total.inc({ verdict: report.verdict });
  }

  #gauge<T extends string>(name: string, help: string, labelNames: T[]): Gauge<T> {
    return new Gauge({ name, help, labelNames, registers: [this.registry] });
  }
}
