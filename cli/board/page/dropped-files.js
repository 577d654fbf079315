/** Files as the browser gives them, made into builds to upload. */

/** @typedef {import('./uploads.js').Dropped} Dropped */

/** @param {string} name */
function notABuild(name) {
  return {
    code: 'NotABuild',
    message: `${name} is neither a zip nor a folder.`,
    remedy: 'Drop a zip, or the folder that Unreal Engine has packaged (Windows).',
  };
}

/**
 * @param {DataTransfer} transfer what was dropped; it is only readable while its event is handled
 * @returns {Promise<readonly Dropped[]>}
 * @throws {import('./state.js').Problem} for anything else than zips and folders
 */
export async function droppedItems(transfer) {
  // Both before the first wait: afterwards the browser has emptied the transfer.
  const entries = [...transfer.items].flatMap((item) => item.webkitGetAsEntry() ?? []);
  const loose = [...transfer.files];
  if (entries.length === 0) return chosenZips(loose);
  return Promise.all(
    entries.map(async (entry) => {
      if (entry.isDirectory) {
        const files = await filesBelow(/** @type {FileSystemDirectoryEntry} */ (entry), '');
        return asFolder(entry.name, files);
      }
      return asZip(await fileOf(/** @type {FileSystemFileEntry} */ (entry)));
    }),
  );
}

/** @param {readonly File[]} files @returns {readonly Dropped[]} */
export function chosenZips(files) {
  return files.map(asZip);
}

/** @param {readonly File[]} files of one folder @returns {readonly Dropped[]} */
export function chosenFolder(files) {
  const [folder = ''] = files[0]?.webkitRelativePath.split('/') ?? [];
  return [
    asFolder(
      folder,
      files.map((file) => ({ path: file.webkitRelativePath.slice(folder.length + 1), file })),
    ),
  ];
}

/** @param {File} file @returns {Dropped} */
function asZip(file) {
  if (!file.name.toLowerCase().endsWith('.zip')) throw notABuild(file.name);
  return { kind: 'zip', name: file.name, files: [{ path: file.name, file }] };
}

/** @param {string} name @param {Dropped['files']} files @returns {Dropped} */
function asFolder(name, files) {
  return { kind: 'folder', name, files };
}

/** @param {FileSystemDirectoryEntry} directory @param {string} path @returns {Promise<{ path: string, file: File }[]>} */
async function filesBelow(directory, path) {
  const found = await Promise.all(
    (await entriesIn(directory)).map(async (entry) => {
      const below = `${path}${entry.name}`;
      if (entry.isDirectory) return filesBelow(/** @type {FileSystemDirectoryEntry} */ (entry), `${below}/`);
      return [{ path: below, file: await fileOf(/** @type {FileSystemFileEntry} */ (entry)) }];
    }),
  );
  return found.flat();
}

/** @param {FileSystemDirectoryEntry} directory @returns {Promise<FileSystemEntry[]>} */
async function entriesIn(directory) {
  const reader = directory.createReader();
  const all = [];
  for (;;) {
    // The browser gives some at a time, and none at the end.
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (some.length === 0) return all;
    all.push(...some);
  }
}

/** @param {FileSystemFileEntry} entry @returns {Promise<File>} */
function fileOf(entry) {
  return new Promise((resolve, reject) => entry.file(resolve, reject));
}
