import type * as v from 'valibot';
import { settingsSchema, unwrapped } from './schema.ts';

/**
 * A setting as `-c name=value` gives it: text for what is a number, true or false, or a list in the file. Lists are JSON; those of
 * texts may have commas between them instead. Empty text is a setting that is left out, where there is none by default.
 *
 * @returns the text itself where it is not of that kind: the schema says then what it has to be
 */
export function valueOfText(name: string, text: string): unknown {
  const schema: v.GenericSchema | undefined = Object.hasOwn(settingsSchema.entries, name)
    ? settingsSchema.entries[name as keyof typeof settingsSchema.entries]
    : undefined;
  if (schema === undefined) return text;
  const inner = unwrapped(schema);
  const isOptional = inner !== schema && (schema as { readonly default?: unknown }).default === undefined;
  if (text === '' && isOptional) return undefined;
  switch (kindOf(inner)) {
    case 'number':
      return /^\d+(\.\d+)?$/.test(text) ? Number(text) : text;
    case 'boolean':
      // No other text than these two: `-c dashboard=0` must not count as true.
      return text === 'true' || (text === 'false' ? false : text);
    case 'texts': {
      const list = parsed(text);
      // A list that has lost its quotes in the shell stays text, for which the message says where it is no JSON.
      if (typeof list !== 'string' || list.trimStart().startsWith('[')) return list;
      return list.split(',').flatMap((entry) => entry.trim() || []);
    }
    case 'objects':
      return parsed(text);
    case 'text':
      return text;
  }
}

type Kind = 'text' | 'number' | 'boolean' | 'texts' | 'objects';

function kindOf(schema: v.GenericSchema): Kind {
  const { item, options, type } = schema as { item?: v.GenericSchema; options?: readonly unknown[]; type: string };
  if (type === 'array') return item?.type === 'string' ? 'texts' : 'objects';
  if (type === 'boolean') return 'boolean';
  return type === 'number' || typeof options?.[0] === 'number' ? 'number' : 'text';
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
