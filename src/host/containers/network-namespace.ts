/** Which network namespace a process has. */
import { readlink } from 'node:fs/promises';

/** A name for it that no other has meanwhile; undefined: the process has ended. */
export async function namespaceOf(pid: number): Promise<string | undefined> {
  return readlink(`/proc/${pid}/ns/net`).catch(() => undefined);
}
