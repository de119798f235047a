/**
 * Whether PostgreSQL refuses updates and deletes of a published table `c` of `pg_class`, for want of a replica identity:
 * NOTHING, the default without a primary key, or an index that has been dropped since.
 */
export const LACKS_IDENTITY = `(c.relreplident <> 'f' AND NOT EXISTS (
    SELECT FROM pg_catalog.pg_index i
    WHERE i.indrelid = c.oid
      AND CASE c.relreplident WHEN 'd' THEN i.indisprimary AND i.indimmediate WHEN 'i' THEN i.indisreplident END))`;

/** The tables among which those of a query `tables (oid)` keep their rows: themselves, and the leaves of partitioned ones. */
export const withLeaves = (tables: string): string =>
  `(SELECT oid FROM ${tables} UNION SELECT t.relid::oid FROM ${tables}, pg_catalog.pg_partition_tree(${tables}.oid) t)`;

/** Whether table `c` has a generated column: FULL is no remedy where it is not published, see `refuseUnpublishedIdentity`. */
export const HAS_GENERATED = `EXISTS (
    SELECT FROM pg_catalog.pg_attribute a
    WHERE a.attrelid = c.oid AND a.attgenerated <> '' AND NOT a.attisdropped)`;
