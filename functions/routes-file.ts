import { readFileSync } from 'node:fs';
import * as v from 'valibot';
import { type Route, routeSchema } from './domain/model/route.ts';

/** Beside the code of each function that needs the routes: the environment has room for 4 KB only. */
export const ROUTES_FILE = 'routes.json';

const routesFile = v.pipe(v.string(), v.parseJson(), v.array(routeSchema));

/**
 * The routes that the stack was deployed with. The stack has validated them, so a problem here means hand-edited code.
 *
 * @param file by default the one beside the bundle that this ends up in
 * @throws Error that names the file and the field at fault, without its value
 */
export function readRoutes(file = new URL(`./${ROUTES_FILE}`, import.meta.url)): readonly Route[] {
  const parsed = v.safeParse(routesFile, contentOf(file));
  if (parsed.success) return parsed.output;
  const [issue] = parsed.issues;
  const path = v.getDotPath(issue);
  const where = path === null ? '' : ` at ${path}`;
  // Without "but received ...": a value is never printed.
  throw problem(`${issue.message.replace(/ but received .*$/s, '')}${where}`);
}

function contentOf(file: URL): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw problem(error instanceof Error && 'code' in error ? `${error.code}` : 'it can not be read');
  }
}

function problem(text: string): Error {
  return new Error(`${ROUTES_FILE} beside the function's code is not what the stack writes: ${text}`);
}
