import { newPrivateKey, publicHalfOf } from '../../functions/adapters/delivery-key.ts';
import type { Settings } from '../../infra/settings/schema.ts';

/** The key that signs download URLs on this machine. The private half of a studio's key is in AWS, so it is not used here. */
export function createLocalDeliveryKey() {
  const privateKey = newPrivateKey();
  return {
    privateKey,
    /** @param delivery that the settings choose */
    settingsFor(delivery: unknown): Partial<Settings> {
      const isNeeded = delivery === 'cloudfront';
      return { deliveryPublicKeys: isNeeded ? [publicHalfOf(privateKey)] : [] };
    },
  };
}
