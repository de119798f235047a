// The SQL workload for both engines: every mapped type, with the values at which engines tend to differ; every kind
// of change; and DDL in between. Statements are sent one by one. Each is a transaction unless it says otherwise.

/** Run before the connectors start, for their snapshots. */
export const BEFORE: readonly string[] = [
  `CREATE EXTENSION IF NOT EXISTS hstore; CREATE EXTENSION IF NOT EXISTS ltree; CREATE EXTENSION IF NOT EXISTS citext;
   CREATE EXTENSION IF NOT EXISTS isn`,
  `CREATE TYPE mood AS ENUM ('sad', 'o''k', 'happy');
   CREATE DOMAIN price AS numeric(10, 2) CHECK (value >= 0);
   CREATE DOMAIN short_text AS varchar(8);
   CREATE TYPE pair AS (a int, b text);
   CREATE SCHEMA other; CREATE TYPE other.mood AS ENUM ('calm', 'wild'); ALTER TYPE other.mood ADD VALUE 'numb' BEFORE 'calm'`,
  `CREATE TABLE t_scalar (
     id int PRIMARY KEY, c_bool bool, c_i2 int2, c_i4 int4, c_i8 int8, c_oid oid, c_f4 float4, c_f8 float8,
     c_num numeric(12, 2), c_num0 numeric(20), c_free numeric, c_text text, c_varchar varchar(20), c_char char(10),
     c_uuid uuid, c_json json, c_jsonb jsonb, c_bytea bytea, c_xml xml, c_inet inet, c_cidr cidr, c_mac macaddr,
     c_mac8 macaddr8, c_i4range int4range, c_i8range int8range, c_numrange numrange, c_tsrange tsrange,
     c_tstzrange tstzrange, c_daterange daterange, c_tsvector tsvector, c_mood mood, c_price price, c_short short_text, c_name name,
     c_other other.mood)`,
  `CREATE TABLE t_more (
     id int PRIMARY KEY, c_money money, c_bit bit, c_bit1 bit(1), c_bit8 bit(8), c_bit33 bit(33), c_varbit varbit,
     c_varbit5 varbit(5), c_point point, c_hstore hstore, c_ltree ltree, c_citext citext, c_isbn isbn,
     c_citexts citext[], c_hstores hstore[], c_ltrees ltree[], c_varbit1 varbit(1))`,
  `CREATE TABLE t_time (
     id int PRIMARY KEY, c_date date, c_time time, c_time0 time(0), c_time3 time(3), c_timetz timetz, c_ts timestamp,
     c_ts0 timestamp(0), c_ts3 timestamp(3), c_tstz timestamptz, c_tstz0 timestamptz(0), c_tstz3 timestamptz(3),
     c_interval interval)`,
  'CREATE TABLE t_extreme (id int PRIMARY KEY, c_date date, c_ts timestamp, c_ts3 timestamp(3), c_tstz timestamptz)',
  'CREATE TABLE t_infinite (id int PRIMARY KEY, c_ts timestamp, c_ts3 timestamp(3), c_tstz timestamptz)',
  `CREATE TABLE t_special (id int PRIMARY KEY, c_num numeric, c_num2 numeric(12, 2), c_money money)`,
  `CREATE TABLE t_array (
     id int PRIMARY KEY, c_bools bool[], c_i2s int2[], c_i4s int4[], c_i8s int8[], c_oids oid[], c_f4s float4[],
     c_f8s float8[], c_nums numeric(8, 3)[], c_frees numeric[], c_texts text[], c_varchars varchar(9)[],
     c_chars char(3)[], c_uuids uuid[], c_jsons jsonb[], c_byteas bytea[], c_dates date[], c_tss timestamp[],
     c_tstzs timestamptz[], c_inets inet[], c_macs macaddr[], c_ranges int4range[], c_times time[],
     c_timetzs timetz[], c_moods mood[])`,
  `CREATE TABLE t_default (
     id int PRIMARY KEY DEFAULT 7, c_text text NOT NULL DEFAULT 'it is', c_int int NOT NULL DEFAULT 42,
     c_num numeric(8, 2) DEFAULT 1.5, c_bool bool DEFAULT true, c_mood mood NOT NULL DEFAULT 'happy',
     c_now timestamptz NOT NULL DEFAULT now(), c_date date NOT NULL DEFAULT '2024-02-29', c_json jsonb DEFAULT '{}',
     c_none text, c_other other.mood NOT NULL DEFAULT 'wild')`,
  `CREATE TABLE t_toast (id int PRIMARY KEY, note text, body text, data bytea, doc jsonb, words text[], numbers int[]);
   ALTER TABLE t_toast ALTER body SET STORAGE EXTERNAL, ALTER data SET STORAGE EXTERNAL,
     ALTER doc SET STORAGE EXTERNAL, ALTER words SET STORAGE EXTERNAL, ALTER numbers SET STORAGE EXTERNAL`,
  `CREATE TABLE t_toast_full (id int PRIMARY KEY, note text, body text);
   ALTER TABLE t_toast_full ALTER body SET STORAGE EXTERNAL; ALTER TABLE t_toast_full REPLICA IDENTITY FULL`,
  'CREATE TABLE t_full (id int PRIMARY KEY, name text, n int); ALTER TABLE t_full REPLICA IDENTITY FULL',
  `CREATE TABLE t_index (id int PRIMARY KEY, other int NOT NULL, name text);
   CREATE UNIQUE INDEX t_index_both ON t_index (other, id);
   ALTER TABLE t_index REPLICA IDENTITY USING INDEX t_index_both`,
  'CREATE TABLE t_nothing (id int PRIMARY KEY, name text); ALTER TABLE t_nothing REPLICA IDENTITY NOTHING',
  `CREATE TABLE t_keys (b text, a int, name text, PRIMARY KEY (a, b))`,
  'CREATE TABLE t_include (id int, name text, PRIMARY KEY (id) INCLUDE (name))',
  'CREATE TABLE t_nokey (a int, b text); ALTER TABLE t_nokey REPLICA IDENTITY FULL',
  'CREATE TABLE t_truncate (id int PRIMARY KEY)',
  'CREATE TABLE t_ddl (id int PRIMARY KEY, name text, gone int)',
  `CREATE TABLE "t.Odd name" ("Id" int PRIMARY KEY, "sp ace" text, "quo""te" text, "naïve" text)`,
  'CREATE TABLE t_mode (id int PRIMARY KEY, name text)',
  'CREATE TABLE t_marker (id int PRIMARY KEY)',
  `INSERT INTO t_scalar (id, c_text, c_i8, c_num, c_free) VALUES (1, 'snapshot', 9007199254740993, 1.50, 1.5000)`,
  `INSERT INTO t_full VALUES (1, 'snapshot', 1), (2, 'snapshot', 2)`,
  `INSERT INTO t_keys VALUES ('x', 1, 'snapshot'), ('a', 2, 'snapshot')`,
  "INSERT INTO t_include VALUES (1, 'snapshot'), (2, 'snapshot')",
  "INSERT INTO t_nokey VALUES (1, 'snapshot')",
  `INSERT INTO t_extreme (id, c_ts, c_ts3, c_tstz) VALUES (101, 'infinity', '-infinity', 'infinity'),
     (102, '0044-03-15 01:02:03.4 BC', '0044-03-15 BC', '0044-03-15 00:00+00 BC'),
     (103, '1582-10-10', '1582-10-10', '1582-10-10 00:00+00'), (104, '1500-02-28 12:00', '1500-02-28', '1500-02-28 00:00+00')`,
  "INSERT INTO t_infinite VALUES (1, 'infinity', '-infinity', 'infinity')",
  "INSERT INTO t_mode SELECT i, 'snapshot ' || i FROM generate_series(1, 3) i",
  "INSERT INTO t_ddl VALUES (1, 'snapshot', 1)",
  "INSERT INTO t_more (id, c_hstore, c_money, c_bit8, c_point) VALUES (1, 'a=>1', 1.5, B'00000101', '(1,2)')",
  `INSERT INTO t_array (id, c_texts, c_i4s, c_times, c_timetzs)
   VALUES (1, '{snapshot,NULL}', '{}', '{23:59:59.123456,24:00}', '{23:59:59.123456+05:30}')`,
  "INSERT INTO t_time (id, c_date, c_ts, c_tstz) VALUES (1, '2024-02-29', '2024-02-29 12:00', '2024-02-29 12:00+02')",
];

/** Run while the connectors stream. */
export const LIVE: readonly string[] = [
  `INSERT INTO t_scalar VALUES (2, true, -32768, 2147483647, -9223372036854775808, 4294967295, 1.1, 1e300,
     -1234567890.12, 12345678901234567890, 123456789012345678901234567890.0123456789000, 'é "q" \\ 😀' || chr(10) || chr(1),
     'varchar', 'char', '76019d1a-ad2e-4b22-96e9-1a6d6543c818', '{"a": [1, 2.50]}', '{"b": {"c": null}}', '\\x00ff10',
     '<a>x</a>', '10.1.2.3/24', '10.1.0.0/16', '08:00:2b:01:02:03', '08:00:2b:01:02:03:04:05', '[1,5)', '(,7]',
     '[1.5,2.5]', '[2024-01-01 00:00,2024-01-02 00:00)', '[2024-01-01 00:00+00,)', '[2024-01-01,2024-02-01)',
     'a fat cat'::tsvector, 'o''k', 12.5, 'short', 'name', 'numb')`,
  'INSERT INTO t_scalar (id) VALUES (3)',
  `INSERT INTO t_scalar (id, c_bool, c_f4, c_f8, c_num, c_num0, c_free, c_text, c_varchar, c_char, c_bytea, c_i4range)
     VALUES (4, false, 'NaN', '-Infinity', 0, 0, 0, '', '', '', '', 'empty'),
            (5, false, 1e-10, 123456789.123, -0.01, -1, -0.000100, ' ', 'ü', 'ü', '\\xff', '[1,1]')`,
  "UPDATE t_scalar SET c_text = 'updated', c_f8 = c_f8 WHERE id = 2",
  'UPDATE t_scalar SET c_free = 100, c_f4 = 16777216, c_f8 = 0.1 WHERE id = 4',
  'DELETE FROM t_scalar WHERE id = 3',
  'UPDATE t_scalar SET id = 30 WHERE id = 4',

  `INSERT INTO t_more VALUES (2, -1234.56, B'1', B'0', B'10000001', B'100000000000000000000000000000001', B'101',
     B'0000', '(1.5,-2.25)', 'b=>1, a=>NULL, "k \\"q\\""=>"v, =>"', 'top.science', 'MiXed', '978-0-393-04002-9',
     '{A,b}', '{"a=>1","b=>NULL"}', '{a.b,c}', B'1')`,
  'INSERT INTO t_more (id) VALUES (3)',
  `INSERT INTO t_more VALUES (4, 0, B'0', B'1', B'00000000', B'000000000000000000000000000000000', B'', B'11111',
     '(0,0)', '', '', '', NULL, '{}', '{}', '{}', B'0')`,
  `INSERT INTO t_more (id, c_hstore) SELECT 5, hstore(array_agg('key' || i), array_agg(i::text))
     FROM generate_series(1, 40) i`,
  'UPDATE t_more SET c_money = 92233720368547.58 WHERE id = 2',
  'DELETE FROM t_more WHERE id = 2',

  `INSERT INTO t_time VALUES (2, '1969-12-31', '23:59:59.123456', '12:30:00', '00:00:00.001', '23:59:59.5+05:30',
     '2024-02-29 23:59:59.123456', '1969-12-31 23:59:59', '1969-12-31 23:59:59.999', '2024-02-29 23:59:59.12+02',
     '2024-02-29 23:59:59+00', '2024-02-29 23:59:59.1+00', '1 year 2 mons 3 days 04:05:06.789')`,
  `INSERT INTO t_time VALUES (3, '1970-01-01', '00:00', '00:00', '00:00', '00:00+00', '1970-01-01 00:00',
     '1970-01-01 00:00', '1970-01-01 00:00', '1970-01-01 00:00+00', '1970-01-01 00:00+00', '1970-01-01 00:00+00', '0')`,
  `INSERT INTO t_time (id, c_interval) VALUES (4, '-1 mons -2 days -00:00:01.5'), (5, '100 years'), (6, '-00:10'),
     (7, '25:00:00.000001')`,
  'INSERT INTO t_time (id) VALUES (8)',
  "UPDATE t_time SET c_time = '24:00:00' WHERE id = 8",
  `INSERT INTO t_extreme VALUES (1, 'infinity', 'infinity', 'infinity', 'infinity'),
     (2, '-infinity', '-infinity', '-infinity', '-infinity'),
     (3, '0044-03-15 BC', '0044-03-15 01:02:03.4 BC', '0044-03-15 BC', '0044-03-15 00:00+00 BC'),
     (4, '0001-01-01', '0001-01-01', '0001-01-01', '0001-01-01 00:00+00'),
     (5, '1582-10-10', '1582-10-10', '1582-10-10', '1582-10-10 00:00+00'),
     (6, '9999-12-31', '9999-12-31 23:59:59.999999', '9999-12-31', '9999-12-31 23:59:59.999999+00'),
     (7, '12024-02-29', '12024-02-29 01:00', '12024-02-29', '12024-02-29 00:00+00'),
     (8, '5874897-12-31', '2024-01-01', '2024-01-01', '2024-01-01 00:00+00')`,
  "INSERT INTO t_infinite VALUES (2, 'infinity', 'infinity', 'infinity'), (3, '-infinity', '-infinity', '-infinity')",
  `INSERT INTO t_special VALUES (1, 'NaN', 'NaN', 1.5), (2, 'Infinity', 1.5, -0.01), (3, '-Infinity', -0.01, 1000)`,

  `INSERT INTO t_array VALUES (2, '{t,f,NULL}', '{1,-2}', '{1,NULL,3}', '{9007199254740993}', '{1}', '{1.5,NaN}',
     '{0.1,-Infinity}', '{1.5,NULL}', '{1.50,100}', '{a,"b \\"c\\"",NULL,"NULL",""}', '{x}', '{ab}',
     '{76019d1a-ad2e-4b22-96e9-1a6d6543c818}', '{"{\\"a\\": 1}"}', '{"\\\\x00ff"}', '{2024-02-29}',
     '{"2024-02-29 01:02:03.456"}', '{"2024-02-29 01:02:03.456+00"}', '{10.0.0.1}', '{08:00:2b:01:02:03}', '{"[1,5)"}',
     '{23:59:59.5,12:34:56.123456,NULL}', '{23:59:59.5+05:30,12:34:56.123456Z,NULL}', '{sad,NULL}')`,
  `INSERT INTO t_array (id, c_bools, c_i4s, c_texts, c_nums, c_byteas, c_tss) VALUES (3, '{}', '{}', '{}', '{}', '{}', '{}')`,
  "INSERT INTO t_array (id, c_i4s, c_texts) VALUES (4, '{NULL}', '[2:3]={a,b}')",
  'INSERT INTO t_array (id) VALUES (5)',
  "UPDATE t_array SET c_texts = array_append(c_texts, 'more') WHERE id = 2",

  'INSERT INTO t_default DEFAULT VALUES',
  "INSERT INTO t_default (id, c_text, c_num, c_bool, c_json, c_none) VALUES (8, 'x', 2, false, '[]', 'y')",
  'INSERT INTO t_default (id, c_num, c_bool, c_json) VALUES (9, NULL, NULL, NULL)',
  'DELETE FROM t_default WHERE id = 8',

  `INSERT INTO t_toast VALUES (1, 'a', repeat('x', 9000), decode(repeat('ab', 9000), 'hex'),
     jsonb_build_object('k', repeat('y', 9000)), ARRAY[repeat('w', 9000), NULL], (SELECT array_agg(i) FROM generate_series(1, 3000) i))`,
  "UPDATE t_toast SET note = 'b' WHERE id = 1",
  "UPDATE t_toast SET body = repeat('z', 9000) WHERE id = 1",
  'DELETE FROM t_toast WHERE id = 1',
  "INSERT INTO t_toast_full VALUES (1, 'a', repeat('x', 9000))",
  "UPDATE t_toast_full SET note = 'b' WHERE id = 1",
  'UPDATE t_toast_full SET id = 2 WHERE id = 1',
  'DELETE FROM t_toast_full WHERE id = 2',

  "UPDATE t_full SET name = 'updated', n = NULL WHERE id = 1",
  'UPDATE t_full SET name = name WHERE id = 1',
  'DELETE FROM t_full WHERE id = 2',
  "INSERT INTO t_index VALUES (1, 10, 'a'), (2, 20, 'b')",
  "UPDATE t_index SET name = 'c' WHERE id = 1",
  'UPDATE t_index SET other = 11 WHERE id = 1',
  'UPDATE t_index SET id = 3 WHERE id = 1',
  'DELETE FROM t_index WHERE id = 2',
  "INSERT INTO t_nothing VALUES (1, 'a'), (2, 'b')",

  "UPDATE t_keys SET name = 'updated' WHERE a = 1",
  "UPDATE t_keys SET b = 'y' WHERE a = 1",
  'UPDATE t_keys SET a = a + 10',
  'DELETE FROM t_keys WHERE a = 12',
  "UPDATE t_include SET name = 'updated' WHERE id = 1",
  'UPDATE t_include SET id = 3 WHERE id = 2',
  'DELETE FROM t_include WHERE id = 1',
  "INSERT INTO t_nokey VALUES (2, 'two'), (2, 'two')",
  "UPDATE t_nokey SET b = 'deux' WHERE a = 1",
  'DELETE FROM t_nokey WHERE a = 2',

  'INSERT INTO t_truncate VALUES (1), (2)',
  'TRUNCATE t_truncate',
  'INSERT INTO t_truncate VALUES (3)',

  "ALTER TABLE t_ddl ADD COLUMN tier text NOT NULL DEFAULT 'standard'",
  "INSERT INTO t_ddl VALUES (2, 'two', 2, 'gold')",
  'ALTER TABLE t_ddl DROP COLUMN gone',
  "INSERT INTO t_ddl VALUES (3, 'three', 'silver')",
  'ALTER TABLE t_ddl RENAME COLUMN name TO title',
  "UPDATE t_ddl SET title = 'new' WHERE id = 1",
  'ALTER TABLE t_ddl ALTER COLUMN title TYPE varchar(30)',
  "INSERT INTO t_ddl VALUES (4, 'four', 'bronze')",

  `INSERT INTO "t.Odd name" VALUES (1, 'a', 'b', 'ï')`,
  `UPDATE "t.Odd name" SET "sp ace" = NULL WHERE "Id" = 1`,

  `BEGIN; INSERT INTO t_full VALUES (10, 'first', 1); INSERT INTO t_keys VALUES ('m', 50, 'second');
   UPDATE t_full SET n = 2 WHERE id = 10; DELETE FROM t_keys WHERE a = 50; INSERT INTO t_nokey VALUES (9, 'last'); COMMIT`,
  `BEGIN; INSERT INTO t_full VALUES (11, 'kept', 1); SAVEPOINT s; INSERT INTO t_full VALUES (12, 'undone', 1);
   ROLLBACK TO s; INSERT INTO t_full VALUES (13, 'kept', 1); COMMIT`,
  "INSERT INTO t_mode VALUES (4, 'live')",
];

/** Types that neither engine can encode: Debezium leaves the column out, and this engine refuses the table. */
export const REFUSED_TYPES: readonly string[] = [
  'line',
  'lseg',
  'box',
  'path',
  'polygon',
  'circle',
  'pair',
  'tsquery',
  'pg_lsn',
  'txid_snapshot',
  'int4multirange',
  'money[]',
  'name[]',
  'interval[]',
  'varbit[]',
  'xml[]',
  'point[]',
  'price[]',
];
