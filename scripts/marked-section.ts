/**
 * Puts `content` between `<!-- name -->` and `<!-- /name -->`: how generated tables get into the documents.
 *
 * @throws Error where the text has no such markers
 */
export function withSection(text: string, name: string, content: string): string {
  const [open, close] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
  const [from, to] = [text.indexOf(open), text.indexOf(close)];
  if (from < 0 || to < from) throw new Error(`The document has no section ${open} ... ${close}.`);
  return `${text.slice(0, from + open.length)}\n${content}\n${text.slice(to)}`;
}
