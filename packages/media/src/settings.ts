import { z } from "zod";

/** Where files lie. All processes of a system are given the same place. */
export const mediaSettings = z.object({
  /** A folder that all processes share; used where no bucket is named. */
  MEDIA_DIR: z.string().min(1).default(".parley/media"),
  /** Switches the S3-compatible store on. */
  MEDIA_S3_BUCKET: z
    .string()
    .regex(/^[a-z0-9][a-z0-9.-]{1,62}$/)
    .optional(),
  /** Its address without the bucket, which stands in the path. */
  MEDIA_S3_ENDPOINT: z.url({ protocol: /^https?$/ }).default("https://s3.amazonaws.com"),
  MEDIA_S3_REGION: z.string().min(1).default("us-east-1"),
  MEDIA_S3_ACCESS_KEY_ID: z.string().min(1).optional(),
  MEDIA_S3_SECRET_ACCESS_KEY: z.string().min(1).optional(),
  /** Before each key, for a bucket that holds other things, too. */
  MEDIA_S3_PREFIX: z
    .string()
    .regex(/^[A-Za-z0-9._/-]*$/)
    .default("parley/"),
});
export type MediaSettings = z.infer<typeof mediaSettings>;
