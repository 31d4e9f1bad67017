/** A container that goes on sending to a service whose task has left: who has such sockets is read where its kernel tells it, and only then a process is started. */
import { readFile } from 'node:fs/promises';
import { forgetStrayed } from '../ports/flows.ts';

/** TCP's state of a socket whose first packet nobody has answered. */
const knocking = '02';
/** 127.0.0.11, where the engine answers names in each container. */
const engineAddress = '0B00007F';

/** Makes the process's network forget flows to services' addresses that lead to none of their `targets` any more. */
export async function forgetStrayedIn(pid: number, targets: ReadonlyMap<string, readonly string[]>): Promise<void> {
  const enter = ['nsenter', '-t', String(pid), '-n'];
  if ((await socketsOf(pid, 'udp')).some(([, local = '']) => !local.startsWith(`${engineAddress}:`))) await forgetStrayed(targets, 'udp', enter);
  if ((await socketsOf(pid, 'tcp')).some(([, , , state]) => state === knocking)) await forgetStrayed(targets, 'tcp', enter);
}

/** The fields of each: number, local and remote address, state. */
async function socketsOf(pid: number, protocol: 'tcp' | 'udp'): Promise<string[][]> {
  const texts = await Promise.all([protocol, `${protocol}6`].map((name) => readFile(`/proc/${pid}/net/${name}`, 'utf8').catch(() => '')));
  return texts.flatMap((text) => text.split('\n').slice(1, -1)).map((line) => line.trim().split(/\s+/));
}
