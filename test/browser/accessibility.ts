import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Page } from 'playwright-core';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

interface Violation {
  readonly id: string;
  readonly help: string;
  readonly nodes: readonly { readonly html: string; readonly failureSummary?: string }[];
}

/** What axe finds against WCAG 2.2 A and AA and its own best practices, as lines. */
export async function violations(page: Page): Promise<readonly string[]> {
  // The page's own policy lets no script in; this one comes by the debugger.
  await page.evaluate(AXE);
  const { violations: found } = await page.evaluate<{ readonly violations: readonly Violation[] }>('axe.run()');
  return found.flatMap(({ help, id, nodes }) =>
    nodes.map(({ failureSummary = '', html }) => `${id}: ${help}: ${html} ${failureSummary}`),
  );
}
