/** A Markdown table whose columns also line up as plain text: what has figures to the right. */
export function markdownTable(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = header.map((title, column) =>
    Math.max(3, ...[title, ...rows.map((row) => row[column] ?? '')].map(width)),
  );
  const isText = header.map((_, column) => !rows.some((row) => /\d/.test(row[column] ?? '') && column > 0));
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, column) => pad(cell, widths[column] ?? 0, isText[column] ?? true)).join(' | ')} |`;
  const rule = widths.map((width, column) => (isText[column] ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`));
  return [line(header), line(rule), ...rows.map(line)].join('\n');
}

function pad(cell: string, to: number, left: boolean): string {
  const space = ' '.repeat(Math.max(0, to - width(cell)));
  return left ? cell + space : space + cell;
}

function width(text: string): number {
  return [...text].length;
}
