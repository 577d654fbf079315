// Runs a program of this project on a machine that has only Node >= 20 and npm. Plain JavaScript without dependencies, because
// it installs them.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const LEAST_MAJOR = 24;
const root = fileURLToPath(new URL('..', import.meta.url));
const modules = join(root, 'node_modules');

/**
 * Installs the dependencies if they are missing, runs the program with this process's arguments, and ends with its exit code.
 *
 * @param program path below the project's root
 */
export function run(program) {
  // npm writes it last: an installation that was interrupted does not have it.
  if (!existsSync(join(modules, '.package-lock.json'))) install();
  const node = findNode();
  const child = spawn(node, [join(root, program), ...process.argv.slice(2)], {
    // By the channel, the program learns that this process has been killed.
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
    env: { ...process.env, PATH: [dirname(node), join(modules, '.bin'), process.env.PATH].join(delimiter) },
  });
  // Windows has no signals: the console gives Ctrl-C to both processes, and a kill would end the program in the middle of its work.
  const pass = process.platform === 'win32' ? () => {} : (signal) => child.kill(signal);
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, pass);
  if (process.env.npm_execpath && process.platform !== 'win32') endWithNpm(() => child.kill('SIGTERM'));
  // Without a code it was ended by a signal; 130 is what a shell reports for Ctrl-C.
  child.on('exit', (code, signal) => process.exit(code ?? (signal === 'SIGINT' ? 130 : 1)));
}

/**
 * A killed npm or npx can't pass anything on, and its shell lives on. Only under npm: another shell may end while what it has started
 * in the background goes on.
 */
function endWithNpm(stop) {
  const parents = () => `${process.ppid} ${parentOf(process.ppid)}`;
  const atFirst = parents();
  const timer = setInterval(() => {
    if (parents() === atFirst) return;
    clearInterval(timer);
    stop();
  }, 2_000);
  timer.unref();
}

/** `undefined` where the system does not say. */
function parentOf(pid) {
  try {
    // After the name, which may have spaces in it: its state, and its parent.
    return readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1).split(' ')[1];
  } catch {
    return spawnSync('ps', ['-o', 'ppid=', '-p', `${pid}`], { encoding: 'utf8' }).stdout?.trim();
  }
}

function install() {
  console.error('Installing dependencies with npm ci: once, for half a minute or so.');
  // Under npm, the path of the npm that is running. It is a script, so no shell is needed.
  const npm = process.env.npm_execpath;
  const [command, args] = npm ? [process.execPath, [npm, 'ci']] : ['npm', ['ci']];
  // On stderr: stdout is for the program's own output, with --json for JSON only.
  const { status } = spawnSync(command, args, {
    cwd: root,
    stdio: ['ignore', 2, 2],
    shell: !npm && process.platform === 'win32',
  });
  if (status !== 0) fail('npm ci failed, see above. Fix that, then run this command again.');
}

/** The Node that npm has installed, or the one that runs this. */
function findNode() {
  const system = process.platform === 'win32' ? 'win' : process.platform;
  const name = process.platform === 'win32' ? 'node.exe' : 'node';
  const packaged = join(modules, `node-${system}-${process.arch}`, 'bin', name);
  for (const node of [packaged, process.execPath]) {
    // It is run, not only looked for: the packaged binary does not run on every system, such as a Linux with musl.
    const major = Number.parseInt(spawnSync(node, ['-p', 'process.versions.node'], { encoding: 'utf8' }).stdout, 10);
    if (major >= LEAST_MAJOR) return node;
  }
  return fail(
    `This needs Node ${LEAST_MAJOR} or newer. Here is ${process.version}, and npm has no newer one for ${process.platform} on ${process.arch}.\n` +
      `Install it (https://nodejs.org, "nvm install ${LEAST_MAJOR}" or "brew install node@${LEAST_MAJOR}"), then run this command again.`,
  );
}

function fail(message) {
  console.error(message);
  process.exit(1);
}
