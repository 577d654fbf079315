import { XMLBuilder, XMLParser } from 'fast-xml-parser';

const builder = new XMLBuilder({ ignoreAttributes: false, attributeNamePrefix: '@' });
const parser = new XMLParser({
  parseTagValue: false,
  trimValues: false,
  // Some clients write a quote as &#34;.
  htmlEntities: true,
  isArray: (name) => name === 'Part' || name === 'Tag',
});

/** @param namespace of the root element. In its content, a list is an element for each item, and `undefined` is none. */
export function toXml(root: string, namespace: string, content: object): string {
  return `<?xml version="1.0" encoding="UTF-8"?>\n${builder.build({ [root]: { '@xmlns': namespace, ...content } })}`;
}

/** @throws Error for a text that is no XML */
export function fromXml(text: string): Record<string, unknown> {
  return parser.parse(text, true);
}
