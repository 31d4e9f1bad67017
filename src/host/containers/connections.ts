/** Who is connected to a container: read where its kernel tells it, at the price of two files. */
import { readFile } from 'node:fs/promises';

const established = '01';
const listening = '0A';

/** Whether anybody has a TCP connection to a port that somebody in the process's network listens at; one that it made itself is none. */
export async function isConnected(pid: number): Promise<boolean> {
  const texts = await Promise.all(['tcp', 'tcp6'].map((name) => readFile(`/proc/${pid}/net/${name}`, 'utf8').catch(() => '')));
  return hasConnection(texts);
}

/** @internal */
export function hasConnection(texts: readonly string[]): boolean {
  const sockets = texts.flatMap((text) => text.split('\n').slice(1)).map((line) => line.trim().split(/\s+/));
  const portOf = ([, local = '']: readonly string[]): string => local.slice(local.lastIndexOf(':') + 1);
  const served = new Set(sockets.filter(([, , , state]) => state === listening).map(portOf));
  return sockets.some((socket) => socket[3] === established && served.has(portOf(socket)));
}
