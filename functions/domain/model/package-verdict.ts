import type { Reason } from './reasons.ts';

/** Why a build is refused before it costs a slot. */
export type RefusalReason = Extract<Reason, 'NotAZip' | 'ZipDamaged' | 'ZipEncrypted' | 'NotAPackage'>;

export interface Refusal {
  readonly code: RefusalReason;
  /** What is wrong, with the name of the entry. Safe to print. */
  readonly detail: string;
}

/** What a package may fail for, but need not: it is submitted all the same. */
export const PACKAGE_WARNINGS = {
  NotJudged: {
    cause: 'The directory of the zip is too long or too unusual to be read, so the package was not checked.',
    remedy: 'Zip the package again, with 7-Zip or another common tool.',
  },
  NotChecked: {
    cause: 'The check of the package found a reason to refuse it, but packageCheck or --no-check let it through.',
    remedy: 'Follow the build: Streampixel may reject it.',
  },
  PluginMissing: {
    cause:
      "Neither Pixel Streaming nor Pixel Streaming 2 is among the package's plugins, so there may be nothing to stream.",
    remedy: 'Enable one of the two plugins in the project, and package it again.',
  },
  BothPlugins: {
    cause: 'Pixel Streaming and Pixel Streaming 2 are both in the package. Only one of them should be enabled.',
    remedy: 'Disable one of the two plugins in the project, and package it again.',
  },
  NotShipping: {
    cause: 'The build is not a Shipping build: it is larger and slower, and viewers can open the console.',
    remedy: 'Package it with the Shipping configuration, unless you mean to test.',
  },
  EditorBinaries: {
    cause: 'There are programs of the Unreal Editor in the package.',
    remedy: 'Package the project, rather than zip its folder.',
  },
  DebugSymbols: {
    cause: 'The package has large debug symbols (.pdb), which Streampixel has no use for.',
    remedy: 'Package without debug files, or leave the .pdb files out of the zip.',
  },
  LargeBuild: {
    cause: 'The zip has 24 GB or more. Streampixel may reject it, unless its support has raised the limit.',
    remedy: 'Make the package smaller, or ask support@streampixel.io to raise the limit.',
  },
  SeveralGames: {
    cause: 'There is more than one program that could be the game, so Streampixel may start the wrong one.',
    remedy: 'Leave only one game in the zip, and no other .exe beside it.',
  },
  NoContent: {
    cause: 'There is no content of an Unreal Engine game (.pak, .ucas or cooked files) in the package.',
    remedy: 'Zip the whole folder that Unreal packages into, not only the program.',
  },
  Deflate64: {
    cause:
      'Files are compressed with Deflate64, which Windows Explorer uses from about 2 GB on. Many tools cannot read it.',
    remedy: 'Zip with 7-Zip (method Deflate), with tar -a -c -f MyGame.zip Windows, or with push FOLDER.',
  },
  UnusualCompression: {
    cause: 'Files are compressed with a method that many tools cannot read.',
    remedy: 'Zip again with the method Deflate or Store.',
  },
  NonAsciiNames: {
    cause: 'Names of files have characters other than ASCII, which tools read differently.',
    remedy: 'If the game does not find a file at Streampixel, rename it.',
  },
  UnusualNames: {
    cause: 'Names of files are ones that Windows or some tools cannot store.',
    remedy: 'If the game does not find a file at Streampixel, rename it, and zip again.',
  },
  Backslashes: {
    cause:
      'Names have backslashes instead of slashes. Some tools unpack such files into one folder, without their own.',
    remedy: 'Zip again with another tool, such as 7-Zip.',
  },
  BytesOutside: {
    cause: 'The file has bytes before or after the zip, as self-extracting archives and some downloads have.',
    remedy: 'Zip the package again as a plain zip.',
  },
  WrappedSizes: {
    cause: 'The zip is larger than 4 GB and its sizes are cut to 32 bits, as macOS does it. Many tools cannot read it.',
    remedy: 'Zip again with 7-Zip, or in a terminal: zip -r MyGame.zip Windows.',
  },
} as const satisfies Record<string, { readonly cause: string; readonly remedy: string }>;
export type WarningCode = keyof typeof PACKAGE_WARNINGS;

export interface PackageWarning {
  readonly code: WarningCode;
  /** What was found, with the name of an entry. Safe to print. */
  readonly detail: string;
}

export const CONFIGURATIONS = ['Shipping', 'Development', 'Test', 'DebugGame', 'Debug'] as const;
export type Configuration = (typeof CONFIGURATIONS)[number];

/** `unknown`: the package does not list its plugins. */
export const PLUGINS = ['PixelStreaming', 'PixelStreaming2', 'both', 'none', 'unknown'] as const;
export type Plugin = (typeof PLUGINS)[number];

/** What a build is, as far as its zip says it. */
export interface PackageFacts {
  readonly game?: string;
  /** Major version of Unreal Engine. */
  readonly engine?: '4' | '5';
  readonly configuration?: Configuration;
  readonly plugin: Plugin;
  /** Without folders. */
  readonly files: number;
  /** Bytes. */
  readonly unpackedSize: number;
  /** Bytes of debug symbols, unpacked. */
  readonly debugSize: number;
}

export interface Verdict {
  /** The most important one first; empty for a good package. */
  readonly refusals: readonly Refusal[];
  readonly warnings: readonly PackageWarning[];
  /** Absent where the directory could not be read. */
  readonly facts?: PackageFacts;
}

/** What people and build machines write on an object, such as `commit: 4f2c1a`: S3 user metadata whose name begins with `label-`. */
export type Labels = Readonly<Record<string, string>>;
