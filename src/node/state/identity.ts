/** What a node remembers of its place in a cluster, in one file of the state folder. */
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Refusal } from '#base/refusal';
import { hostPort, managerPort } from '#model/manager-address';
import { writeDurably } from './write-durably.ts';

export interface Identity {
  nodeId: string;
  /** Where other nodes reach this one, without port. */
  address: string;
  /** The host's interface that has that address, or had it; absent: none was seen to have it. */
  own?: string;
  /** Where other nodes send what containers send to one another; absent: to `address`. */
  dataPath?: string;
  /** Absent: a manager, as all nodes were once. */
  role?: 'manager' | 'worker';
  /** HOST:PORT that the node listens on while it is a manager; absent: the usual place. */
  listen?: string;
  /** HOST:PORT under which others reach it while it is a manager; absent: its address, on the usual port. */
  managerAddress?: string;
  /** HOST:PORT of managers. */
  managers?: readonly string[];
  /** Each at the place of its address; shorter or absent: not told yet. */
  managerIds?: readonly string[];
  /** The last term of raft that the node took part in before it was no manager any more: it votes in none up to that again. */
  votedUntil?: number;
  /** A manager that has not begun its log yet: it joins those who agree with an empty one. */
  begins?: boolean;
  /** Of those whom a manager joins; absent: the first. */
  incarnation?: number;
}

/** HOST:PORT under which others reach the node while it is a manager. */
export function managerPlace({ managerAddress, address }: Identity): string {
  return managerAddress ?? hostPort(address, managerPort);
}

/** HOST:PORT that it listens on then; absent: on every address of the host. */
export function listenPlace({ listen }: Identity): string {
  return listen ?? hostPort('0.0.0.0', managerPort);
}

const fileName = 'node.json';

/** undefined when the node is in no cluster. */
export function readIdentity(folder: string): Identity | undefined {
  const path = join(folder, fileName);
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  try {
    return JSON.parse(text) as Identity;
  } catch {
    throw new Refusal('failedPrecondition', `${path} is damaged: put back a copy of it, or move ${folder} away to begin anew`);
  }
}

/** Durable when it returns; a crash leaves the old file or the new one. */
export function writeIdentity(folder: string, identity: Identity): void {
  writeDurably(join(folder, fileName), JSON.stringify(identity));
}

export function forgetIdentity(folder: string): void {
  rmSync(join(folder, fileName), { force: true });
}
