import * as v from 'valibot';
import type { GetParameter } from '../adapters/ssm-parameters.ts';
import type { Course } from './lifecycle.ts';

const course = v.variant('kind', [
  v.object({ kind: v.literal('documented') }),
  v.object({ kind: v.literal('late-download') }),
]) satisfies v.GenericSchema<unknown, Course>;

const schema = v.object({
  /** The only key that is valid. */
  apiKey: v.string(),
  /** Addresses of the projects' webhooks, by the projects' ids. */
  webhooks: v.record(v.string(), v.string()),
  /** What happens to builds, by the names of their files. Default: what is documented. */
  courses: v.optional(v.record(v.string(), course), {}),
});

/**
 * What a person does on Streampixel's dashboard, for the stand-in of a rehearsal: an SSM SecureString with JSON, because it holds
 * secrets. Only someone who may write the parameter can change it.
 */
export type Dashboard = v.InferOutput<typeof schema>;

/** Before a rehearsal has begun: no key is valid. */
const NOTHING_SET: Partial<Dashboard> = {};

/** @throws Error with nothing of the parameter in it, where SSM does not answer or the text is no dashboard */
export async function readDashboard(getParameter: GetParameter, name: string): Promise<Partial<Dashboard>> {
  let text: string;
  try {
    text = (await getParameter(name))?.Value ?? '';
  } catch (error) {
    if (error instanceof Error && error.name === 'ParameterNotFound') return NOTHING_SET;
    throw error;
  }
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), schema), text);
  if (!parsed.success) throw new Error(`The parameter ${name} does not hold what rehearse stores there.`);
  return parsed.output;
}

/** The course of the build that a download URL is for. */
export function courseOf({ courses = {} }: Partial<Dashboard>, fileUrl: string): Course {
  const name = decodeURIComponent(new URL(fileUrl).pathname.split('/').at(-1) ?? '');
  return courses[name] ?? { kind: 'documented' };
}
