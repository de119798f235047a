import { z } from 'zod';
import { mistakeIn } from '../contract/mistake.ts';
import { RestError } from './rest-error.ts';

/** As Connect does, takes a number or a boolean as the text that it prints as. */
const text = z.union([z.string(), z.number(), z.boolean()]).transform(String);

export const configBody = z.record(z.string(), text);
/** KIP-477: null removes a key. */
export const patchBody = z.record(z.string(), z.union([text, z.null()]));

export const createBody = z.strictObject({
  // KIP-212: everything but control characters, without blanks around it. No URL can have "." or ".." as a part.
  name: z
    .string()
    .trim()
    .regex(/^(?!\.{1,2}$)\P{Cc}{1,200}$/u, 'is not a name of 1 to 200 characters without control characters'),
  config: configBody,
  /** KIP-980: the target state of a new connector. */
  initial_state: z.enum(['RUNNING', 'PAUSED', 'STOPPED']).optional(),
});

export const offsetsBody = z.strictObject({
  offsets: z
    .array(
      z.strictObject({
        partition: z.record(z.string(), z.unknown()),
        offset: z.record(z.string(), z.unknown()).nullable(),
      }),
    )
    .min(1),
});

export const crashPointBody = z.strictObject({ skip: z.int().nonnegative().default(0) });

/** The body as `schema` describes it. @throws RestError 400 that names the wrong place and what is wrong there. */
export function parseBody<T>(schema: z.ZodType<T>, body: unknown): T {
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  const mistake = mistakeIn(parsed.error, { schema, value: body, whole: 'the body' });
  throw new RestError(400, `The request body is not valid: ${mistake}`);
}
