declare const brand: unique symbol;

/** A WAL position of PostgreSQL: bytes since the start of the log. Compared as a bigint, printed as `16/B374D848`. */
export type Lsn = bigint & { readonly [brand]: 'Lsn' };

/** A transaction id as pgoutput sends it: 32 bits, without the epoch. */
export type Xid = number & { readonly [brand]: 'Xid' };
