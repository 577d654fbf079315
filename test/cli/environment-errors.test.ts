import { afterEach, expect, it, vi } from 'vitest';
import { explained } from '../../cli/stack/aws-errors.ts';
import { endpointOf } from '../../cli/stack/stack.ts';

afterEach(() => void vi.unstubAllEnvs());

it('a variable that is empty is none: AWS_ENDPOINT_URL', () => {
  vi.stubEnv('AWS_ENDPOINT_URL', '');
  expect(endpointOf({})).toBeUndefined();
});

it.each([
  ['no credentials in the profile that is named', 'Could not load credentials', 'in the profile studio (AWS_PROFILE)'],
  ['an address that is none', 'Invalid URL', 'AWS_ENDPOINT_URL is not a URL'],
])('what is wrong in the environment is named: %s', (_, message, text) => {
  vi.stubEnv('AWS_PROFILE', 'studio');
  expect(explained(new Error(message)).message).toContain(text);
});
