import { Counter, Gauge, type OpenMetricsContentType, Registry } from 'prom-client';
import { FINDING_CLASSES, type Report } from '../report.ts';
import { VERDICTS } from '../verdict.ts';
import { FINDING_STATES, type FindingState } from './kept-finding.ts';

/** The verifier's metrics for Prometheus. Most come from the last report. */
export class VerifierMetrics {
  /** Prometheus' own text format. */
  readonly registry = new Registry();
  /** The same metrics in OpenMetrics' format. */
  readonly openMetrics = new Registry<OpenMetricsContentType>();
  readonly #verdict = this.#gauge(
    'cdc_verifier_verdict',
    'Last verdict: 1 for the current one, 0 for the others.',
    ['verdict'],
  );
  readonly #findings = this.#gauge('cdc_verifier_findings', 'Wrong rows or things, by class.', ['class']);
  readonly #behind = this.#gauge(
    'cdc_verifier_events_behind',
    'Events in the topics that the sink has not processed.',
    [],
  );
  readonly #wal = this.#gauge('cdc_verifier_wal_behind_bytes', 'WAL that the slot has not confirmed.', []);
  readonly #coverage = this.#gauge('cdc_verifier_coverage', 'Share of tables compared in full.', []);
  readonly #at = this.#gauge('cdc_verifier_last_report_timestamp_seconds', 'Time of the last report.', []);
  readonly #duration = this.#gauge('cdc_verifier_duration_seconds', 'Duration of the last verification.', []);
  readonly #suppressed = this.#gauge(
    'cdc_verifier_suppressed_deliveries',
    'Duplicates that the sink suppressed.',
    [],
  );
  readonly #rows = this.#gauge('cdc_verifier_table_rows', 'Rows per table and side.', ['table', 'side']);
  /** One per format: when prom-client prints OpenMetrics, it removes `_total` from a counter's name permanently. */
  readonly #totals = [this.registry, this.openMetrics].map(
    (registry) =>
      new Counter({
        name: 'cdc_verifier_verifications_total',
        help: 'Verifications by verdict.',
        labelNames: ['verdict'],
        registers: [registry as Registry],
      }),
  );
  readonly #kept = this.#gauge(
    'cdc_verifier_kept_findings',
    'Findings by state: open, confirmed or healed.',
    ['state'],
  );
  readonly #webhook = this.#gauge(
    'cdc_verifier_webhook_notices',
    'Notices of a changed verdict, sent or failed.',
    ['result'],
  );
  readonly #watched = this.#gauge('cdc_verifier_watched_keys', 'Changed keys that the watch has judged.', []);

  constructor() {
    this.openMetrics.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
  }

  /** Prints the metrics in the format that the scraper's Accept header requests. */
  async expose(accept: string | undefined): Promise<{ contentType: string; body: string }> {
    const isOpen = accept?.includes('application/openmetrics-text') === true;
    const registry = isOpen ? this.openMetrics : this.registry;
    return { contentType: registry.contentType, body: await registry.metrics() };
  }

  /** Sets the metrics that do not come from a report. */
  service(own: {
    readonly findings: Readonly<Record<FindingState, number>>;
    readonly webhook: { readonly sent: number; readonly failed: number } | null;
    readonly watchedKeys: number;
  }): void {
    for (const state of FINDING_STATES) this.#kept.set({ state }, own.findings[state]);
    if (own.webhook !== null) {
      this.#webhook.set({ result: 'sent' }, own.webhook.sent);
      this.#webhook.set({ result: 'failed' }, own.webhook.failed);
    }
    this.#watched.set(own.watchedKeys);
  }

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
    for (const total of this.#totals) total.inc({ verdict: report.verdict });
  }

  #gauge<T extends string>(name: string, help: string, labelNames: T[]): Gauge<T> {
    return new Gauge({ name, help, labelNames, registers: [this.registry, this.openMetrics] });
  }
}
