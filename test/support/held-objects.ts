/** Git objects in memory, for a snapshot that reads no mirror. */
import { createHash } from 'node:crypto';
import type { ObjectInfo } from '../../src/gitops/worker/objects.ts';
import type { Objects } from '../../src/gitops/worker/snapshot.ts';

export interface HeldFile {
  path: string;
  mode: string;
  text: string;
  /** What its size is said to be. */
  size?: number;
  /** The tree names it, and it is not there. */
  absent?: boolean;
}

interface Folder {
  folders: Map<string, Folder>;
  files: Map<string, HeldFile>;
}

/** The objects of a commit with these files; `top` is its tree. */
export function heldObjects(files: readonly HeldFile[]): { top: string; objects: Objects } {
  const held = new Map<string, ObjectInfo & { bytes: Buffer }>();
  const put = (type: string, bytes: Buffer, more: Partial<HeldFile> = {}): string => {
    const oid = createHash('sha1').update(type).update(bytes).digest('hex');
    if (more.absent !== true) held.set(oid, { type, bytes, size: more.size ?? bytes.length });
    return oid;
  };
  const write = ({ folders, files: inside }: Folder): string => {
    const trees = [...folders].map(([name, folder]) => entry('40000', name, write(folder)));
    const blobs = [...inside].map(([name, file]) => entry(file.mode, name, put('blob', Buffer.from(file.text), file)));
    return put('tree', Buffer.concat([...trees, ...blobs]));
  };
  const top: Folder = { folders: new Map(), files: new Map() };
  for (const file of files) place(top, file);
  const objects: Objects = {
    infos: async (oids) => new Map(oids.flatMap((oid) => (held.has(oid) ? [[oid, held.get(oid) as ObjectInfo] as const] : []))),
    contents: async (oids) => new Map(oids.map((oid) => [oid, Uint8Array.from(held.get(oid)?.bytes ?? [])] as const)),
  };
  return { top: write(top), objects };
}

function place(top: Folder, file: HeldFile): void {
  const parts = file.path.split('/');
  let folder = top;
  for (const part of parts.slice(0, -1)) {
    const next = folder.folders.get(part) ?? { folders: new Map(), files: new Map() };
    folder.folders.set(part, next);
    folder = next;
  }
  folder.files.set(parts.at(-1) ?? '', file);
}

function entry(mode: string, name: string, oid: string): Buffer {
  return Buffer.concat([Buffer.from(`${mode} ${name}\0`), Buffer.from(oid, 'hex')]);
}
