import { newPrivateKey, publicHalfOf } from '../../functions/adapters/delivery-key.ts';
import { projectContext } from '../../infra/settings/project-context.ts';
import type { Settings } from '../../infra/settings/schema.ts';

/** The key that signs download URLs on this machine. The private half of a studio's key is in AWS, so it is not used here. */
export function createLocalDeliveryKey() {
  const privateKey = newPrivateKey();
  return {
    privateKey,
    /** @param overrides settings on top of those in cdk.json */
    settingsFor(overrides: Partial<Settings>): Partial<Settings> {
      const isNeeded = { ...projectContext(), ...overrides }.delivery === 'cloudfront';
      return { deliveryPublicKeys: isNeeded ? [publicHalfOf(privateKey)] : [] };
    },
  };
}
