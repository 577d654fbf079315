import { DELIVERIES, type ZipDelivery } from '../functions/domain/model/file-url.ts';
import { rounded } from './cold-start.ts';
import { PRICES } from './prices.ts';

export const DOWNLOADS = { builds: 100, gbPerBuild: 10 } as const;

/** The checks' ranged GETs and Streampixel's download. If that fetches by ranges, a few more: a thousand cost a cent. */
const REQUESTS_PER_BUILD = 10;

export interface DeliveryCost {
  readonly delivery: ZipDelivery;
  /** Dollars for the downloads of a month, at list price. */
  readonly dollars: number;
  /** The same, where nothing else of the account uses the free tier. */
  readonly withFreeTier: number;
  /** Dollars for a month without downloads: neither a bucket's transfer nor a distribution has a fee. */
  readonly idle: number;
}

/** What AWS would bill for Streampixel's downloads of a month, by delivery. */
export function compareDeliveries({
  builds,
  gbPerBuild,
}: {
  readonly builds: number;
  readonly gbPerBuild: number;
} = DOWNLOADS): readonly DeliveryCost[] {
  const [gb, requests] = [builds * gbPerBuild, builds * REQUESTS_PER_BUILD];
  return DELIVERIES.map((delivery) => {
    const cost = (free: boolean) => rounded(DOLLARS[delivery](gb, requests, free), 2);
    return { delivery, dollars: cost(false), withFreeTier: cost(true), idle: DOLLARS[delivery](0, 0, false) };
  });
}

const DOLLARS: Readonly<Record<ZipDelivery, (gb: number, requests: number, free: boolean) => number>> = {
  s3: (gb, requests, free) =>
    above(gb, free ? PRICES.freeTransferOutGb : 0) * PRICES.transferOutGb + requests * PRICES.s3Get,
  cloudfront: (gb, requests, free) =>
    above(gb, free ? PRICES.freeCloudFrontGb : 0) * PRICES.cloudFrontOutGb +
    above(requests, free ? PRICES.freeCloudFrontRequests : 0) * PRICES.cloudFrontRequest +
    // Nothing is cached, so each request gets to S3, too.
    requests * PRICES.s3Get,
};

function above(amount: number, free: number): number {
  return Math.max(0, amount - free);
}
