import pg from 'pg';

/** A setting that a session can be given by `ALTER DATABASE`, with other legal values for it. */
export interface Setting {
  readonly name: string;
  readonly category: string;
  readonly others: readonly string[];
}

/** Values of a setting, by its name. */
export type Values = Readonly<Record<string, string>>;

interface Described {
  readonly name: string;
  readonly category: string;
  readonly vartype: string;
  readonly setting: string;
  readonly unit: string | null;
  readonly min: string | null;
  readonly max: string | null;
  readonly enumvals: readonly string[] | null;
}

// Without a setting that lasts for one transaction: the next one begins with `default_transaction_…`.
const SETTINGS_SQL = `
  SELECT name, category, vartype, setting, unit, min_val AS min, max_val AS max, enumvals
  FROM pg_settings
  WHERE context IN ('user', 'superuser')
    AND name NOT IN (SELECT replace(name, 'default_', '') FROM pg_settings WHERE name ~ '^default_transaction_')
  ORDER BY name`;

/** Other values for settings whose type is text. Those that the server refuses are left out. */
const TEXTS: Readonly<Record<string, readonly string[]>> = {
  DateStyle: ['German', 'SQL, DMY', 'Postgres, YMD'],
  TimeZone: ['Asia/Kolkata', 'America/St_Johns'],
  application_name: ['another'],
  backtrace_functions: ['int4in'],
  client_encoding: ['LATIN1', 'SQL_ASCII'],
  createrole_self_grant: ['set'],
  default_tablespace: ['pg_default'],
  default_text_search_config: ['pg_catalog.simple'],
  // Without `$libdir` the server would not find an output plug-in.
  dynamic_library_path: ['$libdir:/nowhere'],
  extension_control_path: ['/nowhere'],
  lc_messages: ['POSIX', 'C.UTF-8'],
  lc_monetary: ['POSIX', 'C.UTF-8'],
  lc_numeric: ['POSIX', 'C.UTF-8'],
  lc_time: ['POSIX', 'C.UTF-8'],
  restrict_nonsystem_relation_kind: ['view'],
  search_path: ['public', 'elsewhere'],
  session_preload_libraries: ['$libdir/plpgsql'],
  temp_tablespaces: ['pg_default'],
  timezone_abbreviations: ['India', 'Australia'],
  wal_consistency_checking: ['all'],
};

/** Settings without another value on a plain server: there is one table access method, and no library to preload. */
const ONE_VALUE = ['default_table_access_method', 'local_preload_libraries'];

/**
 * Every setting that a role or a database may have, as the server lists them, with the other values that this database
 * accepts. @throws if a setting has another value, and none is known here.
 */
export async function otherValues(url: string): Promise<readonly Setting[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query<Described>(SETTINGS_SQL);
    const settings: Setting[] = [];
    for (const described of rows) {
      const { name, category } = described;
      const others: string[] = [];
      for (const value of candidates(described)) {
        if (await isLegal(client, name, value)) others.push(value);
      }
      if (others.length > 0) settings.push({ name, category, others });
      else if (!hasOneValue(described)) throw new Error(`no other value of ${name} is known`);
    }
    return settings;
  } finally {
    await client.end();
  }
}

function candidates({ name, vartype, setting, unit, min, max, enumvals }: Described): string[] {
  switch (vartype) {
    case 'bool':
      return [setting === 'on' ? 'off' : 'on'];
    case 'enum':
      return (enumvals ?? []).filter((value) => value !== setting);
    case 'integer':
    case 'real': {
      // A timeout's least value may end a session before its first statement, or while the machine is busy.
      const isTimeout = name.endsWith('_timeout') && unit === 'ms';
      return [...(isTimeout ? ['1000'] : [min ?? '']), max ?? ''].filter(
        (value) => Number(value) !== Number(setting),
      );
    }
    default:
      return [...(TEXTS[name] ?? [])];
  }
}

function hasOneValue({ name, vartype, min, max, enumvals }: Described): boolean {
  return vartype === 'enum' ? enumvals?.length === 1 : min === null ? ONE_VALUE.includes(name) : min === max;
}

async function isLegal(client: pg.Client, name: string, value: string): Promise<boolean> {
  const database = pg.escapeIdentifier(client.database ?? '');
  try {
    await client.query(`ALTER DATABASE ${database} SET ${name} = ${pg.escapeLiteral(value)}`);
    return true;
  } catch {
    return false;
  } finally {
    await client.query(`ALTER DATABASE ${database} RESET ALL`);
  }
}

/** SQL that gives every later session of the database these settings, and no others. */
export function alterDatabase(url: string, values: Values): string {
  const database = `ALTER DATABASE ${pg.escapeIdentifier(new URL(url).pathname.slice(1))}`;
  const set = Object.entries(values).map(
    ([name, value]) => `${database} SET ${name} = ${pg.escapeLiteral(value)}`,
  );
  return [`${database} RESET ALL`, ...set].join('; ');
}

/** The settings of a new session that nothing pins. */
export async function settingsOf(url: string): Promise<Values> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query<{ name: string; setting: string }>(
      'SELECT name, setting FROM pg_settings',
    );
    return Object.fromEntries(rows.map(({ name, setting }) => [name, setting]));
  } finally {
    await client.end();
  }
}
