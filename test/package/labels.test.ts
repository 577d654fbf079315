import { describe, expect, it } from 'vitest';
import { labelsIn, labelText } from '../../functions/domain/package/labels.ts';

const one = (value: string) => labelsIn({ 'x-amz-meta-label-x': value })?.x;

describe('labels', () => {
  it('are the metadata that begin with label-, by name', () => {
    const headers = {
      'x-amz-meta-label-commit': '4f2c1a9',
      'x-amz-meta-label-branch': 'main',
      'x-amz-meta-a': '1',
      etag: '"e"',
    };
    const labels = labelsIn(headers);
    expect(labels).toEqual({ branch: 'main', commit: '4f2c1a9' });
    expect(labelText(labels ?? {})).toBe('branch=main, commit=4f2c1a9');
    const [one, two, three] = ['a', 'b', 'c'].map((name) => [`x-amz-meta-label-${name}`, name]);
    for (const order of [
      [one, two, three],
      [three, two, one],
      [two, three, one],
    ]) {
      expect(Object.keys(labelsIn(Object.fromEntries(order.map((each) => each ?? []))) ?? {})).toEqual(['a', 'b', 'c']);
    }
    expect(labelsIn({ 'x-amz-meta-label-twice': ['a', 'b'], 'x-amz-meta-label-never': undefined })).toBeUndefined();
    expect(labelsIn({ 'x-amz-meta-label-': 'no name', 'x-amz-meta-other': 'x' })).toBeUndefined();
  });

  it.each([
    ['=?UTF-8?B?R3LDtsOfZQ==?=', 'Größe'],
    ['=?UTF-8?Q?Gr=C3=B6=C3=9Fe_x?=', 'Größe x'],
    ['=?utf-8?b?R3LDtg==?= =?utf-8?b?w59l?=', 'Größe'],
    ['=?utf-8?b?R3LDtg==?= \t  =?utf-8?b?w59l?=', 'Größe'],
    ['=?UTF-8?Q?_main_?=', 'main'],
    ['=?UTF-8?B?***?=', '=?UTF-8?B?***?='],
    ['=?UTF-8?B?/////w==?=', '\ufffd\ufffd\ufffd\ufffd'],
    ['Gr%C3%B6%C3%9Fe', 'Größe'],
    ['100%25 of a%20b', '100%25 of a%20b'],
    ['50% done', '50% done'],
    ['a\u0000b\u001b[31m\u202e\u2028c', 'a b [31m  c'],
    ['\ud800', '\ufffd'],
    ['', ''],
  ])('decode what S3 or a tool has encoded, and nothing else: %j', (value, text) => {
    expect(one(value)).toBe(text);
  });

  it('are few and short, whatever is on the object', () => {
    const many = Object.fromEntries(
      Array.from({ length: 30 }, (_, n) => [`x-amz-meta-label-${n + 10}${'n'.repeat(100)}`, '𝔳'.repeat(1_000)]),
    );
    const labels = labelsIn(many) ?? {};
    expect(Object.keys(labels)).toHaveLength(10);
    for (const [name, value] of Object.entries(labels)) {
      expect(name).toHaveLength(64);
      expect([...value]).toHaveLength(256);
    }
  });
});
