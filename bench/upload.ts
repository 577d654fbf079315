import { type ChildProcess, fork, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { LOCAL_CREDENTIALS, LOCAL_REGION } from '../local/aws/account.ts';
import { median, rounded, type Spread, spread } from './cold-start.ts';
import { createSparseZip } from './sparse-zip.ts';

/** In bytes, of the zip and of the folder. */
export const UPLOAD_SIZE = 1.5e9;
const ROUNDS = 5;

export interface UploadUsage {
  readonly seconds: Spread;
  /** Of the process, in units of 1,000,000 bytes; 0 where the system does not say. */
  readonly peakMemoryMB: number;
}

export type UploadResult = Awaited<ReturnType<typeof measureUpload>>;

/**
 * Uploads a zip with `push` and with the AWS CLI, and the same amount as a folder with `push`, by turns, to an endpoint on this machine
 * that keeps nothing: over TLS where openssl can make a certificate, as to AWS, and over plain HTTP. Without the AWS CLI, the SDK's
 * own library (`bench/plain/upload.ts`) takes its place.
 *
 * @param directory for the files, of which little exists on the disk
 */
export async function measureUpload(directory: string, size = UPLOAD_SIZE, rounds = ROUNDS) {
  const zip = join(directory, 'MyGame.zip');
  await writeSparse(zip, size);
  const folder = join(directory, 'MyGame');
  await mkdir(folder, { recursive: true });
  for (const [name, bytes] of [
    ['MyGame.exe', 200_000],
    ['MyGame.ucas', size - 200_000],
  ] as const) {
    const file = await open(join(folder, name), 'w');
    await file.truncate(bytes);
    await file.close();
  }
  const rival = spawnSync('aws', ['--version']).status === 0 ? 'aws s3 cp' : 'lib-storage';
  const certificate = makeCertificate(directory);
  const connections = [];
  for (const tls of certificate === undefined ? [undefined] : [certificate, undefined]) {
    connections.push({
      connection: tls ? 'TLS' : 'plain HTTP',
      ...(await measureOver(tls, { zip, folder, rival, rounds })),
    });
  }
  return { bytes: size, rounds, rival, connections };
}

interface Certificate {
  readonly key: string;
  readonly certificate: string;
}

async function measureOver(
  tls: Certificate | undefined,
  { zip, folder, rival, rounds }: { zip: string; folder: string; rival: string; rounds: number },
) {
  const sink = fork(join(import.meta.dirname, 'upload-sink.ts'), tls ? [tls.key, tls.certificate] : []);
  const [port] = await once(sink, 'message');
  const endpoint = `${tls ? 'https' : 'http'}://127.0.0.1:${port}`;
  const env = {
    ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^AWS_|_proxy$/i.test(name))),
    AWS_ENDPOINT_URL: endpoint,
    AWS_REGION: LOCAL_REGION,
    AWS_DEFAULT_REGION: LOCAL_REGION,
    AWS_ACCESS_KEY_ID: LOCAL_CREDENTIALS.accessKeyId,
    AWS_SECRET_ACCESS_KEY: LOCAL_CREDENTIALS.secretAccessKey,
    // As the tool's launcher sets it.
    NODE_COMPILE_CACHE: COMPILE_CACHE,
    ...(tls && { NODE_EXTRA_CA_CERTS: tls.certificate, AWS_CA_BUNDLE: tls.certificate }),
  };
  const tool = join(import.meta.dirname, '..', 'cli', 'main.ts');
  const plain = join(import.meta.dirname, 'plain', 'upload.ts');
  const commands = {
    push: [process.execPath, tool, 'push', zip],
    rival:
      rival === 'aws s3 cp'
        ? ['aws', 's3', 'cp', '--only-show-errors', zip, 's3://bench/MyGame.zip']
        : [process.execPath, plain, zip, 'bench', 'MyGame.zip'],
    pushFolder: [process.execPath, tool, 'push', folder],
  };
  const names = ['push', 'rival', 'pushFolder'] as const;
  const runs: Record<(typeof names)[number], { seconds: number; peakMemoryMB: number }[]> = {
    push: [],
    rival: [],
    pushFolder: [],
  };
  try {
    // The first round warms the disk's cache and is not counted.
    for (let round = rounds > 1 ? -1 : 0; round < rounds; round++) {
      for (const name of names) {
        const run = await measureProcess(commands[name], env);
        if (round >= 0) runs[name].push(run);
      }
    }
  } finally {
    sink.disconnect();
  }
  const usage = (name: (typeof names)[number]): UploadUsage => ({
    seconds: spread(
      runs[name].map(({ seconds }) => seconds),
      1,
    ),
    peakMemoryMB: Math.max(...runs[name].map(({ peakMemoryMB }) => peakMemoryMB)),
  });
  const ratios = runs.push.map(({ seconds }, round) => seconds / (runs.rival[round]?.seconds ?? Number.NaN));
  return {
    push: usage('push'),
    rival: usage('rival'),
    pushFolder: usage('pushFolder'),
    /** Of `push` to the rival's time, as the median of the ratios of runs that were neighbours. */
    ratio: rounded(median(ratios), 2),
  };
}

const COMPILE_CACHE = fileURLToPath(new URL('../node_modules/.cache/streampixel-drop', import.meta.url));

/** @throws Error where it fails, with what it has printed */
async function measureProcess([command = '', ...args]: readonly string[], env: NodeJS.ProcessEnv) {
  const startedAt = performance.now();
  const child = spawn(command, args, { env, stdio: ['ignore', 'ignore', 'pipe'] });
  let printed = '';
  child.stderr.setEncoding('utf8').on('data', (text) => {
    printed += text;
  });
  let peakMemoryMB = 0;
  const timer = setInterval(async () => {
    peakMemoryMB = Math.max(peakMemoryMB, await peakMemoryOf(child));
  }, 20);
  const [code] = await once(child, 'close');
  clearInterval(timer);
  if (code !== 0) throw new Error(`${command} ended with ${code}: ${printed}`);
  return { seconds: rounded((performance.now() - startedAt) / 1_000, 2), peakMemoryMB };
}

/** By the kernel's high-water mark; 0 where there is none to read. */
async function peakMemoryOf({ pid }: ChildProcess): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  const [, kibibytes = '0'] = /^VmHWM:\s+(\d+) kB$/m.exec(status) ?? [];
  return Math.round((Number(kibibytes) * 1_024) / 1e6);
}

async function writeSparse(path: string, size: number): Promise<void> {
  const zip = createSparseZip(size);
  const file = await open(path, 'w');
  await file.truncate(size);
  for (const [from, to] of [
    [0, 199],
    [size - 300, size - 1],
  ] as const) {
    await file.write(zip.read(from, to), 0, to - from + 1, from);
  }
  await file.close();
}

function makeCertificate(directory: string): Certificate | undefined {
  const files = { key: join(directory, 'key.pem'), certificate: join(directory, 'certificate.pem') };
  const { status } = spawnSync('openssl', [
    ...['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '1', '-subj', '/CN=127.0.0.1'],
    ...['-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', files.key, '-out', files.certificate],
  ]);
  return status === 0 ? files : undefined;
}
