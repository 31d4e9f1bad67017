/** A disk in memory that forgets what was not synced, tears, fills up, takes part of a write, and is switched off at any call. */
import { basename, dirname } from 'node:path';
import { integerBetween, type Random } from '#base/random';
import type { FileSystem, OpenHow } from '#disk/file-system';
import { readHeader } from '#disk/frame';
import { Violation } from '#test/simulation/tier';

const sectorBytes = 512;

interface Inode {
  /** What a running system sees. */
  data: Buffer;
  /** What is certain to be there after the power went. */
  durable: Buffer;
  mode: number;
  /** Checksums of the frames that were begun in it, by number. */
  readonly frames: Map<number, number>;
}

type NameChange = { readonly put: string; readonly inode: Inode; readonly gone?: string } | { readonly gone: string; readonly put?: undefined };

export interface DiskFaults {
  /** How often a write takes only part. */
  readonly shortWrite: number;
  /** How often a sector that was not synced comes back as garbage instead of zeros. */
  readonly garbage: number;
  /** Turns that a call may take at most. */
  readonly latency: number;
}

/** Where the disk's chances come from, and which of its faults are to happen. */
export interface DiskChance {
  /** What is decided for `purpose` alone. */
  stream(purpose: string): Random;
  strikes(name: string, what: () => string): boolean;
}

/** One stream for all, and whatever may go wrong does. */
export function allFrom(random: Random): DiskChance {
  return { stream: () => random, strikes: () => true };
}

/** What runs on the disk from one switching on to the next. */
export interface System {
  readonly files: FileSystem;
  readonly killed: Promise<'killed'>;
  readonly lives: () => boolean;
}

export class SimulatedDisk {
  readonly #chance: DiskChance;
  readonly #faults: DiskFaults;
  #names = new Map<string, Inode>();
  #durableNames = new Map<string, Inode>();
  /** Changes of names since the folder was last synced. */
  #changes: NameChange[] = [];
  #open = new Map<number, { readonly inode: Inode; readonly durably: boolean }>();
  #nextFile = 3;
  #life = 0;
  #boots = 0;
  /** How long the calls of this life take. */
  #late: Random | undefined;
  /** Calls of this life. */
  #own = 0;
  #calls = 0;
  #killAt = Infinity;
  #onKill: () => void = () => {};
  #hash = 0x811c9dc5;
  /** Bytes that fit; `full` calls refuse beside that. */
  capacity = Infinity;
  /** Files in which garbage took the place of what was not synced. */
  readonly garbled = new Set<string>();
  /** Says which calls find no space, whatever they need. */
  refuse: ((what: string) => boolean) | undefined;
  /** Changes bytes on their way to the disk. */
  spoil: ((path: string, bytes: Buffer) => Buffer) | undefined;

  constructor(chance: DiskChance, faults: DiskFaults) {
    this.#chance = chance;
    this.#faults = faults;
  }

  /** All that happened, in order, as one number. */
  get trace(): string {
    return (this.#hash >>> 0).toString(16);
  }

  get calls(): number {
    return this.#calls;
  }

  get used(): number {
    return [...this.#names.values()].reduce((sum, inode) => sum + inode.data.length, 0);
  }

  names(): string[] {
    return [...this.#names.keys()].map((path) => basename(path)).toSorted();
  }

  /** The bytes of a file now. */
  bytes(path: string): Buffer {
    return this.#found(path).data;
  }

  /** Makes a file be these bytes, durably: rot, or somebody's hand. */
  put(path: string, data: Buffer): void {
    const inode = { data, durable: Buffer.from(data), mode: 0o600, frames: new Map<number, number>() };
    this.#names.set(path, inode);
    this.#durableNames.set(path, inode);
  }

  drop(path: string): void {
    this.#names.delete(path);
    this.#durableNames.delete(path);
  }

  /** A system on this disk, which ends at its call number `killAt`: that call and all after it never return. */
  boot(killAt = Infinity): System {
    const life = ++this.#life;
    this.#open = new Map();
    this.#boots++;
    this.#own = 0;
    this.#killAt = this.#calls + killAt;
    const { latency } = this.#faults;
    this.#late = latency > 0 && this.#strikes('late', () => `calls take up to ${latency} turns`) ? this.#stream('late') : undefined;
    const killed = new Promise<'killed'>((resolve) => (this.#onKill = () => resolve('killed')));
    return { files: this.#fileSystem(life), killed, lives: () => life === this.#life };
  }

  /** The system is gone at once, wherever it is. */
  kill(): void {
    this.#life++;
  }

  /** The power goes: of what was not synced any part may be there, sector by sector, name by name. */
  loseUnsynced(): void {
    const names = new Map(this.#durableNames);
    for (const [at, change] of this.#changes.entries()) {
      const name = `name-${at}`;
      const lost = this.#stream(name).next() < 0.5;
      if (lost && this.#strikes(name, () => `the change of ${basename(change.put ?? change.gone ?? '')} is lost`)) continue;
      if (change.gone !== undefined) names.delete(change.gone);
      if (change.put !== undefined) names.set(change.put, change.inode);
    }
    this.#names = names;
    for (const [path, inode] of names) {
      inode.data = this.#torn(path, inode);
      inode.durable = Buffer.from(inode.data);
    }
    this.#durableNames = new Map(names);
    this.#changes = [];
  }

  #torn(path: string, { data, durable }: Inode): Buffer {
    if (data.equals(durable)) return data;
    const name = `torn-${basename(path)}`;
    if (!this.#strikes(name, () => `${basename(path)}, ${durable.length} bytes synced of ${data.length}`)) return data;
    const random = this.#stream(name);
    const pick = random.next();
    const [short, long] = [Math.min(data.length, durable.length), Math.max(data.length, durable.length)];
    const length = pick < 0.4 ? data.length : pick < 0.6 ? durable.length : integerBetween(random, short, long);
    const result = Buffer.alloc(length);
    durable.copy(result, 0, 0, Math.min(length, durable.length));
    for (let at = 0; at < length; at += sectorBytes) {
      const draw = random.next();
      const end = Math.min(at + sectorBytes, length);
      // Of what was cut off and not synced the old bytes may be there still.
      if (draw < 0.6) {
        if (at < data.length) data.copy(result, at, at, Math.min(end, data.length));
      } else if (draw > 1 - this.#faults.garbage && end > durable.length && this.#strikes(`garbage-${basename(path)}-${at}`, () => 'garbage in a sector')) {
        // What was durable in a sector stays: drives finish the sector that they are at.
        Buffer.from(random.bytes(end - Math.max(at, durable.length))).copy(result, Math.max(at, durable.length));
        this.garbled.add(path);
      }
    }
    return result;
  }

  #fileSystem(life: number): FileSystem {
    const call = async <T>(what: string, work: () => T, partly?: () => void): Promise<T> => {
      for (let turns = this.#late ? Math.floor(this.#late.next() * (this.#faults.latency + 1)) : 0; turns > 0; turns--) await Promise.resolve();
      if (life !== this.#life) return await new Promise<T>(() => {});
      this.#calls++;
      this.#own++;
      this.#note(what);
      const own = this.#own;
      if (this.#calls >= this.#killAt && this.#strikes('kill', () => `switched off at call ${own}, ${what}`)) {
        partly?.();
        this.#life++;
        this.#onKill();
        return await new Promise<T>(() => {});
      }
      if (this.refuse?.(what)) throw Object.assign(new Error(`ENOSPC: no space left on device, ${what}`), { code: 'ENOSPC' });
      return work();
    };
    return {
      open: (path, how) => call(`open ${basename(path)} ${how}`, () => this.#openFile(path, how)),
      close: (file) => call('close', () => void this.#open.delete(file)),
      stat: (file) =>
        call('stat', () => {
          const { data, mode } = this.#file(file);
          return { bytes: data.length, mode };
        }),
      read: (file, into, position) => call('read', () => this.#file(file).data.copy(into, 0, position, position + into.length)),
      write: (file, bytes, position) =>
        call(
          `write ${bytes.length} ${position}`,
          () => this.#writeWhole(file, bytes, position),
          () => this.#writePart(file, bytes, position),
        ),
      truncate: (file, length) =>
        call(`truncate ${length}`, () => {
          const inode = this.#file(file);
          inode.data = Buffer.from(inode.data.subarray(0, length));
        }),
      syncData: (file) =>
        call('sync', () => {
          const inode = this.#file(file);
          inode.durable = Buffer.from(inode.data);
        }),
      rename: (from, to) =>
        call(`rename ${basename(from)}`, () => {
          const inode = this.#found(from);
          this.#names.delete(from);
          this.#names.set(to, inode);
          this.#changes.push({ put: to, inode, gone: from });
        }),
      unlink: (path) =>
        call(`unlink ${basename(path)}`, () => {
          this.#found(path);
          this.#names.delete(path);
          this.#changes.push({ gone: path });
        }),
      list: (folder) => call('list', () => [...this.#names.keys()].filter((path) => dirname(path) === folder).map((path) => basename(path))),
      makeFolder: () => call('makeFolder', () => undefined),
      syncFolder: () =>
        call('syncFolder', () => {
          this.#durableNames = new Map(this.#names);
          this.#changes = [];
        }),
    };
  }

  #openFile(path: string, how: OpenHow): number {
    if (how === 'read' || how === 'write') this.#found(path);
    const inode = this.#names.get(path) ?? { data: Buffer.alloc(0), durable: Buffer.alloc(0), mode: 0o600, frames: new Map<number, number>() };
    if (how === 'create' || how === 'createDurable') {
      if (!this.#names.has(path)) this.#changes.push({ put: path, inode });
      this.#names.set(path, inode);
      inode.data = Buffer.alloc(0);
    }
    this.#open.set(this.#nextFile, { inode, durably: how === 'createDurable' });
    return this.#nextFile++;
  }

  #writeWhole(file: number, bytes: Buffer, position: number): number {
    const count = this.#write(file, bytes, position);
    const { inode, durably } = this.#opened(file);
    if (durably) inode.durable = Buffer.from(inode.data);
    return count;
  }

  #write(file: number, given: Buffer, position: number, dying = false): number {
    const inode = this.#file(file);
    const grows = Math.max(0, position + given.length - inode.data.length);
    const room = Math.max(0, this.capacity - this.used);
    let count = grows > room ? Math.max(0, given.length - (grows - room)) : given.length;
    if (count === 0 && given.length > 0 && !dying) throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
    if (count > 1) count = this.#shortened(count);
    const path = [...this.#names].find(([, each]) => each === inode)?.[0] ?? '';
    sealedOnce(path, inode, given);
    const bytes = this.spoil ? this.spoil(path, given) : given;
    const data = Buffer.alloc(Math.max(inode.data.length, position + count));
    inode.data.copy(data);
    bytes.copy(data, position, 0, count);
    inode.data = data;
    return count;
  }

  /** The write at which the system ends. */
  #writePart(file: number, bytes: Buffer, position: number): void {
    const count = integerBetween(this.#stream('part'), 0, bytes.length);
    if (count > 0 && this.#strikes('part', () => `${count} of ${bytes.length} bytes of the last write`))
      this.#write(file, bytes.subarray(0, count), position, true);
  }

  #shortened(count: number): number {
    const own = this.#own;
    const random = this.#stream(`short-${own}`);
    if (random.next() >= this.#faults.shortWrite) return count;
    const part = integerBetween(random, 1, count - 1);
    return this.#strikes(`short-${own}`, () => `call ${own} writes ${part} of ${count} bytes`) ? part : count;
  }

  #stream(purpose: string): Random {
    return this.#chance.stream(`life-${this.#boots}.${purpose}`);
  }

  #strikes(purpose: string, what: () => string): boolean {
    return this.#chance.strikes(`life-${this.#boots}.${purpose}`, what);
  }

  #file(file: number): Inode {
    return this.#opened(file).inode;
  }

  #opened(file: number): { readonly inode: Inode; readonly durably: boolean } {
    const opened = this.#open.get(file);
    if (!opened) throw Object.assign(new Error('EBADF: bad file descriptor'), { code: 'EBADF' });
    return opened;
  }

  #found(path: string): Inode {
    const inode = this.#names.get(path);
    if (!inode) throw Object.assign(new Error(`ENOENT: no such file or directory, '${path}'`), { code: 'ENOENT' });
    return inode;
  }

  #note(what: string): void {
    for (let at = 0; at < what.length; at++) this.#hash = Math.imul(this.#hash ^ what.charCodeAt(at), 0x01000193);
  }
}

/** A number of a frame goes into what seals it: under one key it must never seal two things. */
function sealedOnce(path: string, { frames }: Inode, bytes: Buffer): void {
  const header = readHeader(bytes, 0);
  if (!header) return;
  const before = frames.get(header.sequence);
  if (before !== undefined && before !== header.crc) throw new Violation('sealed once', `number ${header.sequence} seals two frames of ${path}`);
  frames.set(header.sequence, header.crc);
}
