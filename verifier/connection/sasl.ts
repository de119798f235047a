import { z } from 'zod';
import { secretSchema } from './secret.ts';

const fileSchema = z.string().min(1);

const password = { username: z.string().min(1), password: secretSchema };

export const saslSchema = z.discriminatedUnion('mechanism', [
  z.strictObject({ mechanism: z.literal('PLAIN'), ...password }),
  z.strictObject({ mechanism: z.literal('SCRAM-SHA-256'), ...password }),
  z.strictObject({ mechanism: z.literal('SCRAM-SHA-512'), ...password }),
  z.strictObject({
    mechanism: z.literal('OAUTHBEARER'),
    /** A token to use. Without it, one is requested from `tokenUrl`: RFC 6749 §4.4, client credentials. */
    token: secretSchema.nullable().default(null),
    tokenUrl: z
      .url({ protocol: /^https?$/ })
      .nullable()
      .default(null),
    clientId: z.string().min(1).nullable().default(null),
    clientSecret: secretSchema.nullable().default(null),
    scope: z.string().min(1).nullable().default(null),
    /** PEM file of the authorities that may have signed the certificate of `tokenUrl`. */
    ca: fileSchema.nullable().default(null),
  }),
]);
export type Sasl = z.infer<typeof saslSchema>;
