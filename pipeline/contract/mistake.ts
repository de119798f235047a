import { nearest } from './nearest.ts';

/** What zod says of a mistake. It is described here by its shape: the contract imports nothing. */
interface Issue {
  readonly code?: string;
  readonly path: readonly PropertyKey[];
  readonly message: string;
  /** The unknown keys of an object. */
  readonly keys?: readonly string[];
  /** What is wrong with each form of a value that may have several. */
  readonly errors?: readonly (readonly Issue[])[];
  readonly expected?: string;
  readonly values?: readonly unknown[];
  readonly origin?: string;
  readonly minimum?: number | bigint;
  readonly maximum?: number | bigint;
  readonly inclusive?: boolean;
  readonly format?: string;
}

interface Schema {
  readonly _zod: { readonly def: unknown };
}

interface Parser<T> extends Schema {
  safeParse(
    value: unknown,
  ):
    | { readonly success: true; readonly data: T }
    | { readonly success: false; readonly error: { readonly issues: readonly Issue[] } };
}

/** How kinds of values are called in a sentence. */
const KINDS: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  bigint: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  tuple: 'a list',
  object: 'an object',
  record: 'an object',
  map: 'a map',
  function: 'a function',
  null: 'null',
};

interface Given {
  readonly schema: Schema;
  readonly value: unknown;
  /** What a sentence calls the value as a whole: `the file`. */
  readonly whole?: string;
}

/**
 * What is wrong with a value that a schema has refused, as the end of a sentence: the path, what is wrong there,
 * and the nearest known key. Values are left out: one of them may be a secret.
 */
export function mistakeIn({ issues: all }: { readonly issues: readonly Issue[] }, given: Given): string {
  const { schema, whole = 'it' } = given;
  const issues = all.flatMap(innermost);
  const unknown = issues.flatMap((issue) => (issue.keys ?? []).map((key) => slipOf(issue, key, schema)));
  // A key that is missing because it is misspelt is one mistake.
  const meant = new Set(unknown.flatMap(({ nearPath }) => (nearPath === undefined ? [] : [nearPath])));
  const others = issues
    .filter(({ code, path }) => code !== 'unrecognized_keys' && !meant.has(path.join('.')))
    .map((issue) => sentenceOf(issue, given));
  const slips = unknown.toSorted(
    (a, b) => Number(b.nearPath !== undefined) - Number(a.nearPath !== undefined),
  );
  const [first = `${whole} is not valid`, ...more] = [...slips.map(({ said }) => said), ...others];
  if (more.length > 0) return `${first} (and ${more.length} more).`;
  return first.endsWith('?') ? first : `${first}.`;
}

function slipOf(
  { path }: Issue,
  key: string,
  schema: Schema,
): { readonly said: string; readonly nearPath: string | undefined } {
  const keys = formsAt(schema, path).flatMap(({ shape }) => Object.keys(shape ?? {}));
  const near = nearest(key, [...new Set(keys)]);
  const said = `${[...path, key].join('.')} is not known`;
  if (near === undefined) return { said, nearPath: undefined };
  return { said: `${said}; did you mean ${near}?`, nearPath: [...path, near].join('.') };
}

/** Of a value that fits none of several forms, what is wrong with the form that it is nearest to. */
function innermost(issue: Issue): readonly Issue[] {
  const { errors = [] } = issue;
  if (errors.length === 0) return [issue];
  const inner = errors.map((branch) =>
    branch.flatMap((one) => innermost({ ...one, path: [...issue.path, ...one.path] })),
  );
  // A form of another kind altogether says only that it is of another kind.
  const ownKind = inner.filter((branch) => branch.every(({ path }) => path.length > issue.path.length));
  const slips = inner.filter((branch) => branch.some(({ code }) => code === 'unrecognized_keys'));
  const [best] = [...slips, ...ownKind].toSorted((a, b) => a.length - b.length);
  if (best !== undefined) return best;
  return inner.length === 1 ? (inner[0] ?? [issue]) : [issue];
}

function sentenceOf(issue: Issue, { schema, value, whole = 'it' }: Given): string {
  const at = issue.path.length === 0 ? whole : issue.path.map(String).join('.');
  const found = valueAt(value, issue.path);
  if (found === undefined && issue.path.length > 0 && issue.code !== 'custom') return `${at} is missing`;
  // One of our own rules: its message is used as it is.
  const isOwn = !/^(?:Invalid|Too (?:small|big)|Unrecognized)/.test(issue.message);
  if (isOwn) return `${at}: ${issue.message}`;
  switch (issue.code) {
    case 'invalid_type':
      return `${at} must be ${KINDS[issue.expected ?? ''] ?? issue.expected}, and is ${kindOf(found)}`;
    case 'invalid_value':
      return `${at} ${oneOf(issue.values ?? [], found)}`;
    case 'too_small':
      return `${at} ${atLeast(issue.origin ?? '', Number(issue.minimum), issue.inclusive !== false)}`;
    case 'too_big':
      return `${at} ${atMost(issue.origin ?? '', Number(issue.maximum), issue.inclusive !== false)}`;
    case 'invalid_format':
      return `${at} must be ${issue.format === 'url' ? 'a URL' : `text of the form ${issue.format}`}`;
    case 'invalid_union': {
      // The wrong value is that of the key that tells the forms apart.
      const values = formsAt(schema, issue.path).flatMap((form) => form.values ?? []);
      if (values.length > 0) return `${at} ${oneOf(values, found)}`;
      const kinds = (issue.errors ?? []).flatMap(([own]) => KINDS[own?.expected ?? ''] ?? []);
      return `${at} must be ${kinds.join(' or ') || 'of another form'}, and is ${kindOf(found)}`;
    }
    default:
      return `${at}: ${issue.message}`;
  }
}

function oneOf(values: readonly unknown[], found: unknown): string {
  const allowed = values.map(String);
  const near = typeof found === 'string' ? nearest(found, allowed) : undefined;
  const only = allowed.length === 1 ? '' : 'one of ';
  return `must be ${only}${allowed.join(', ')}${near === undefined ? '' : `; did you mean ${near}?`}`;
}

function atLeast(origin: string, minimum: number, isInclusive: boolean): string {
  if (origin === 'string')
    return minimum <= 1 ? 'must not be empty' : `must have at least ${minimum} characters`;
  if (origin === 'array' || origin === 'set')
    return minimum <= 1 ? 'must not be empty' : `must have at least ${minimum} entries`;
  return isInclusive ? `must be at least ${minimum}` : `must be more than ${minimum}`;
}

function atMost(origin: string, maximum: number, isInclusive: boolean): string {
  if (origin === 'string') return `must have at most ${maximum} characters`;
  if (origin === 'array' || origin === 'set') return `must have at most ${maximum} entries`;
  return isInclusive ? `must be at most ${maximum}` : `must be less than ${maximum}`;
}

function kindOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list';
  if (value === undefined) return 'missing';
  return KINDS[typeof value] ?? typeof value;
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  let at = value;
  for (const key of path) {
    if (typeof at !== 'object' || at === null) return undefined;
    at = (at as Record<PropertyKey, unknown>)[key];
  }
  return at;
}

/** The parts of a schema's definition that lead further down, whatever its kind. */
interface Definition {
  readonly type: string;
  readonly shape?: Readonly<Record<string, Schema>>;
  readonly innerType?: Schema;
  readonly in?: Schema;
  readonly element?: Schema;
  readonly valueType?: Schema;
  readonly options?: readonly Schema[];
  readonly getter?: () => Schema;
  /** Of a literal. */
  readonly values?: readonly unknown[];
}

/** The schema at that path, in all forms that it may have. */
function formsAt(schema: Schema, path: readonly PropertyKey[]): Definition[] {
  let at = formsOf(schema);
  for (const key of path) {
    at = at.flatMap(({ shape, element, valueType }) => {
      const next = shape?.[String(key)] ?? element ?? valueType;
      return next === undefined ? [] : formsOf(next);
    });
  }
  return at;
}

/** A schema without what is wrapped around it: defaults, null, refinements, alternatives. */
function formsOf(schema: Schema): Definition[] {
  const own = schema._zod.def as Definition;
  const inner = [own.innerType, own.in, own.getter?.(), ...(own.options ?? [])];
  const forms = inner.flatMap((one) => (one === undefined ? [] : formsOf(one)));
  return forms.length === 0 ? [own] : forms;
}

/** A value that a schema has refused. Its message is {@link mistakeIn}'s sentence. */
export class Mistake extends Error {
  override readonly name = 'Mistake';
}

/** The value as the schema describes it. @throws Mistake if it does not fit. */
export function accept<T>(schema: Parser<T>, value: unknown, whole?: string): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const given = { schema, value, ...(whole === undefined ? {} : { whole }) };
  throw new Mistake(mistakeIn(parsed.error, given));
}
