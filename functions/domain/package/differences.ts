import type { PackageFacts } from '../model/package-verdict.ts';

/** One of a project's builds, for a comparison. */
export interface ComparedBuild {
  /** Of the zip, in bytes. */
  readonly size?: number;
  readonly package?: PackageFacts;
}

export interface Difference {
  readonly what: 'size' | 'plugin' | 'engine' | 'configuration' | 'game';
  /** A sentence. */
  readonly text: string;
}

/** How much a build may grow or shrink before it is worth a word, as a share of what it was. */
const SIZE_SHARE = 0.4;

/** What is so different from the build that viewers have that it may be a mistake. Unknown facts differ from nothing. */
export function differences(before: ComparedBuild, now: ComparedBuild): Difference[] {
  const found: Difference[] = [];
  const { package: was, size: sizeWas = 0 } = before;
  const { package: is, size: sizeIs = 0 } = now;
  const change = sizeWas > 0 && sizeIs > 0 ? sizeIs - sizeWas : 0;
  if (change !== 0 && Math.abs(change) >= SIZE_SHARE * sizeWas) {
    const percent = Math.round((Math.abs(change) / sizeWas) * 100);
    found.push({
      what: 'size',
      text: `The zip is ${percent} % ${change > 0 ? 'larger' : 'smaller'} than the live build.`,
    });
  }
  if (was === undefined || is === undefined) return found;
  if (hasPlugin(was) && is.plugin === 'none') {
    found.push({ what: 'plugin', text: 'The live build has Pixel Streaming, this one has not.' });
  } else if (hasPlugin(was) && hasPlugin(is) && was.plugin !== is.plugin) {
    found.push({ what: 'plugin', text: `The plugin was ${was.plugin}, and is ${is.plugin}.` });
  }
  for (const what of ['engine', 'configuration', 'game'] as const) {
    const [former, present] = [was[what], is[what]];
    if (former !== undefined && present !== undefined && former !== present) {
      found.push({ what, text: `${NAMES[what]} was ${former}, and is ${present}.` });
    }
  }
  return found;
}

const NAMES = { engine: 'The version of Unreal Engine', configuration: 'The configuration', game: 'The game' } as const;

function hasPlugin({ plugin }: PackageFacts): boolean {
  return plugin !== 'none' && plugin !== 'unknown';
}
