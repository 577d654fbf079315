/** One part of the benchmark: a key of the JSON document, a table in the README, and perhaps pictures. */
export interface Section {
  /** Key in the JSON document, and the name in the README's markers after `bench:`. */
  readonly name: string;
  /** @param seed the same seed gives the same figures, on any machine */
  measure(seed: number): Promise<Measured>;
}

export interface Measured {
  /** What the JSON document holds under the section's name. */
  readonly json: object;
  /** Markdown, readable as it stands. */
  readonly table: string;
  readonly pictures: readonly Picture[];
}

export interface Picture {
  /** Path in the repository. */
  readonly path: string;
  /** What it shows, for those who don't see it. */
  readonly alt: string;
  readonly svg: string;
}
