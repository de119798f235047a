declare const brand: unique symbol;

/**
 * Log sequence number: a position in PostgreSQL's WAL, in bytes since its start. Compared as a bigint, printed as
 * `16/B374D848`.
 */
export type Lsn = bigint & { readonly [brand]: 'Lsn' };

/** A transaction id as pgoutput sends it: 32 bits, without the epoch. It wraps around. */
export type Xid = number & { readonly [brand]: 'Xid' };
