import { describe, expect, it } from 'vitest';
import { sendableJson, sendableText } from '../../functions/adapters/sendable-text.ts';
import { fc } from '../support/fast-check.ts';

/** Source: the SendMessage reference of SQS, which allows these characters and no others. */
const ALLOWED = /^[\t\n\r\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]*$/u;
const REFUSED = ['\0', '\x07', '\x0B', '\x1B', '\x1F', '\uFFFE', '\uFFFF', '\uD800', '\uDFFF'];

describe('text that is sent', () => {
  it.each(REFUSED)('has no %j, and keeps what is beside it', (char) => {
    expect(sendableText(`a${char}ü🎮`)).toBe('a\uFFFDü🎮');
    expect(sendableJson({ key: `a${char}ü🎮` })).toMatch(ALLOWED);
    expect(JSON.parse(sendableJson({ key: `a${char}ü🎮` }))).toEqual({ key: `a${char}ü🎮` });
  });

  it('is taken whatever is in it, and JSON says the same as before', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(sendableText(text)).toMatch(ALLOWED);
        expect(sendableJson([text])).toMatch(ALLOWED);
        expect(JSON.parse(sendableJson([text]))).toEqual([text]);
      }),
    );
  });

  it('is not changed where there is nothing to change', () => {
    expect(sendableText('tab\tline\r\n ü é 漢字 🎮 \u007F\u0085')).toBe('tab\tline\r\n ü é 漢字 🎮 \u007F\u0085');
    expect(sendableJson({ a: ['ü🎮', 1] })).toBe('{"a":["ü🎮",1]}');
  });
});
