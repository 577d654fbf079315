import { describe, expect, it } from 'vitest';
import { answerOf, errorName } from '../../functions/adapters/aws-errors.ts';

describe('a call of AWS that fails', () => {
  it.each([
    [
      'without an answer',
      Object.assign(new Error('c4nary'), { code: 'ECONNRESET' }),
      'ECONNRESET',
      'SSM gave no answer',
    ],
    [
      'with one',
      Object.assign(new Error('c4nary'), { name: 'ThrottlingException', $metadata: { httpStatusCode: 400 } }),
      'ThrottlingException',
      'SSM answered 400',
    ],
  ])('%s is an error with its name and status, and nothing else', async (_, error, name, message) => {
    await expect(answerOf('SSM', Promise.reject(error))).rejects.toMatchObject({ name, message });
  });

  it('is known by its type where what was thrown is no error', () => {
    expect(errorName('c4nary')).toBe('string');
  });
});
