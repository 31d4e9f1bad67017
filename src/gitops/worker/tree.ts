/** A Git tree object, read with bounds. */

export interface TreeEntry {
  /** 40000 (folder), 100644, 100755, 120000 (symlink), 160000 (submodule). */
  mode: string;
  oid: string;
}

export type Tree = ReadonlyMap<string, TreeEntry>;

/** Of a tree that is larger, nothing is read. */
export const largestTreeBytes = 2 * 1024 * 1024;

/** Entries by name. Names that no path can lead to, such as those with a slash, are left out. */
export function parseTree(bytes: Uint8Array, oidBytes: number): Tree {
  const data = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const entries = new Map<string, TreeEntry>();
  for (let at = 0; at < data.length;) {
    const blank = data.indexOf(0x20, at);
    const end = data.indexOf(0, blank);
    if (blank === -1 || end === -1 || end + 1 + oidBytes > data.length) throw new Error('a tree of the repository is damaged');
    const name = data.toString('utf8', blank + 1, end);
    const oid = data.toString('hex', end + 1, end + 1 + oidBytes);
    if (name !== '' && name !== '.' && name !== '..' && !name.includes('/')) entries.set(name, { mode: data.toString('latin1', at, blank), oid });
    at = end + 1 + oidBytes;
  }
  return entries;
}

export function isFolder(entry: TreeEntry): boolean {
  return entry.mode === '40000';
}
