/**
 * How Streampixel gets the zip:
 * - `s3`: by a presigned URL of the bucket
 * - `cloudfront`: by a signed URL of a distribution of the stack's
 */
export const DELIVERIES = ['s3', 'cloudfront'] as const;
export type ZipDelivery = (typeof DELIVERIES)[number];

/** What is remembered of the URL that Streampixel was given. */
export interface FileUrlFacts {
  readonly delivery: ZipDelivery;
  /** When its signature ends, in ms since the epoch. */
  readonly until: number;
  /** With its port, if any. */
  readonly host: string;
}

/**
 * Until when the zip can be downloaded, as a sentence without its full stop.
 *
 * @param until the time in words
 */
export function downloadText(delivery: ZipDelivery, until: string): string {
  switch (delivery) {
    case 's3':
      return `possible until ${until}, or until the session of the role that signed the URL ends, if that is sooner`;
    case 'cloudfront':
      return `possible until ${until}`;
  }
}
