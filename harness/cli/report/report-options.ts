export interface ReportOptions {
  /** All tables, all checks, and how they were compared. */
  readonly verbose: boolean;
  /** Options that lead `cdc-lab explain` to the pipeline; null: there is none that it could look at. */
  readonly explain: readonly string[] | null;
}
