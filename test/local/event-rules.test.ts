import { describe, expect, it } from 'vitest';
import { matches, readEventPattern } from '../../local/aws/event-rules.ts';

const EVENT = {
  source: 'aws.ssm',
  'detail-type': 'Parameter Store Change',
  resources: ['arn:aws:ssm:eu-west-3:000000000000:parameter/drop/key'],
  detail: { name: '/drop/key', operation: 'Update' },
};

describe('a rule', () => {
  it.each<[string, object]>([
    ['one of the values it lists', { source: ['aws.s3', 'aws.ssm'] }],
    ['all fields it names', { source: ['aws.ssm'], detail: { name: ['/drop/key'], operation: ['Create', 'Update'] } }],
    ['a prefix', { detail: { name: [{ prefix: '/drop/' }] } }],
    ['one element of a list', { resources: [{ prefix: 'arn:aws:ssm:' }] }],
  ])('takes an event that has %s', (_, pattern) => {
    expect(matches(readEventPattern(pattern), EVENT)).toBe(true);
  });

  it.each<[string, object]>([
    ['another value', { detail: { name: ['/drop/other'] } }],
    ['one field right and one wrong', { source: ['aws.ssm'], detail: { operation: ['Delete'] } }],
    ['another start', { detail: { name: [{ prefix: 'drop' }] } }],
    ['no such field', { detail: { type: ['SecureString'] } }],
    ['no such field with fields', { detail: { build: { key: ['a.zip'] } } }],
    ['a value where fields are wanted', { source: { of: ['aws.ssm'] } }],
  ])('leaves an event that has %s', (_, pattern) => {
    expect(matches(readEventPattern(pattern), EVENT)).toBe(false);
  });

  it.each<[unknown, string]>([
    [{ detail: { name: [{ suffix: '/key' }] } }, `can't match detail.name by {"suffix":"/key"}`],
    [{ detail: { name: [{ prefix: { 'equals-ignore-case': '/drop' } }] } }, "can't match detail.name"],
    [{ source: 'aws.ssm' }, 'must be an object at source'],
  ])('refuses a pattern it does not know by name: %j', (pattern, message) => {
    expect(() => readEventPattern(pattern)).toThrow(message);
  });
});
