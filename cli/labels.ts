import { InvalidArgumentError } from 'commander';
import { printable } from './console.ts';

/** What a build is labelled with, such as its commit: S3 user metadata of its object, `x-amz-meta-label-<name>`. */
export type Labels = Readonly<Record<string, string>>;

const PREFIX = 'label-';
const HEADER = `x-amz-meta-${PREFIX}`;
/** S3's limit for the user metadata of an object: names and values, in bytes. Source: "Working with object metadata". */
const METADATA_LIMIT = 2 * 1024;

/**
 * Adds a label as people write it, `commit=abc`. S3 has names in lower case.
 *
 * @throws InvalidArgumentError with what it has to be; commander adds the name of the flag
 */
export function withLabel(text: string, labels: Labels = {}): Labels {
  const [, name = '', value = ''] = /^([\w.-]+)=(.*)$/s.exec(text) ?? [];
  if (name === '') {
    throw new InvalidArgumentError('Write it as name=value; a name has letters, digits, "-", "_" and ".".');
  }
  const added = { ...labels, [name.toLowerCase()]: value.trim() };
  if (value.trim() === '') throw new InvalidArgumentError(`${name} has no value. Is a variable of the build empty?`);
  if (printable(value) !== value) {
    throw new InvalidArgumentError(`The value of ${name} has line breaks or other characters that are not shown.`);
  }
  if (Object.keys(added).length === Object.keys(labels).length) {
    throw new InvalidArgumentError(`There are two labels ${name}: S3 keeps one of each name, in lower case.`);
  }
  const size = Object.entries(metadataOf(added)).reduce((sum, pair) => sum + HEADER.length + pair.join('').length, 0);
  if (size > METADATA_LIMIT) {
    throw new InvalidArgumentError(`The labels are too long for S3: ${size} of ${METADATA_LIMIT} bytes. Shorten them.`);
  }
  return added;
}

/** The labels as S3 user metadata. Other characters than ASCII are encoded as S3 does it itself, by RFC 2047. */
export function metadataOf(labels: Labels): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(labels).map(([name, value]) => [
      `${PREFIX}${name}`,
      /^[\x20-\x7e]*$/.test(value) ? value : `=?UTF-8?B?${Buffer.from(value).toString('base64')}?=`,
    ]),
  );
}
