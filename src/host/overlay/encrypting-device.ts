/** The one device of this host that encrypts what goes to other hosts: WireGuard, by the kernel or, where that has none, by a program beside the daemon. */
import { createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { access, constants, writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { type Clock, pause } from '#base/clock';
import { OneByOne } from '#base/pace/one-by-one';
import type { NodeEncryption } from '#model/object/node';
import { encryptingDevice, encryptionIn, peerWords, type SeenEncryption, unheard, wantedText } from '#network/encryption';
import type { EncryptedPeer } from '#network/overlay';
import { deviceNames } from '../devices.ts';
import { run, runApart, type RunResult } from '../run.ts';

interface KeyPair {
  /** Both are 32 bytes in base64. */
  private: string;
  public: string;
}

type Maker = 'kernel' | 'program';

export interface EncryptingOptions {
  nodeId: string;
  /** Text by which devices of this node are known again. */
  mark: string;
}

const limits = { timeoutMs: 10_000 };
/** The usual one first; others where somebody of the host has it. */
const ports = { first: 51_820, count: 10 };
const tellAgainMs = 1000;
const tun = '/dev/net/tun';
/** Standard input of a child of Node is a socket, which cannot be opened by a path; and a key is no argument, which everybody may read. */
const keyFromInput = 'cat | wg set "$1" listen-port "$2" private-key /dev/stdin';

export class EncryptingDevice {
  readonly name: string;
  readonly #mark: string;
  readonly #clock: Clock;
  #prepared: Promise<void> | undefined;
  #maker: Maker | undefined;
  #lacks: string | undefined;
  #key: KeyPair = newKey();
  #next: KeyPair | undefined;
  #port = ports.first;
  #applied: ReadonlyMap<string, EncryptedPeer> | undefined;
  /** One thing at a time. */
  readonly #works = new OneByOne();

  constructor({ nodeId, mark }: EncryptingOptions, clock: Clock) {
    this.name = encryptingDevice(nodeId);
    this.#mark = mark;
    this.#clock = clock;
  }

  /** What other hosts are to know, or what this one lacks. */
  async described(): Promise<NodeEncryption> {
    await this.#prepare();
    if (this.#lacks !== undefined) return { Lacks: this.#lacks };
    return { Key: this.#key.public, ...(this.#next && { Next: this.#next.public }), Port: this.#port };
  }

  /** Makes the device and its peers as wanted; true when something was other. Throws where it cannot be. `look`: what was applied last may have been changed. */
  apply(wanted: ReadonlyMap<string, EncryptedPeer>, { local, mtu }: { local: string; mtu: number }, look: boolean): Promise<boolean> {
    return this.#works.alone(async () => {
      await this.#prepare();
      if (this.#lacks !== undefined) throw new Error(`this host lacks ${this.#lacks}`);
      if (!look && this.#applied && wantedText(this.#applied) === wantedText(wanted)) return false;
      const made = await this.#make(local, mtu);
      const seen = await this.#seen();
      const moved = [...wanted].filter(([host, { port }]) => (this.#applied?.get(host)?.port ?? port) !== port).map(([host]) => host);
      const words = peerWords(wanted, seen.peers, new Set(moved));
      if (words.length > 0) await must('wg', ['set', this.name, ...words]);
      this.#applied = wanted;
      return made || words.length > 0;
    });
  }

  /** Whether it is as it was applied last. */
  whole(): Promise<boolean> {
    return this.#works.alone(async () => {
      if (!this.#applied) return true;
      const seen = await this.#dump();
      return seen !== undefined && (await isUp(this.name)) && seen.privateKey === this.#key.private && peerWords(this.#applied, seen.peers).length === 0;
    });
  }

  /** Hosts that were sent to and never answered. */
  async unheard(): Promise<readonly string[]> {
    const seen = this.#applied && (await this.#dump());
    return seen && this.#applied ? unheard(this.#applied, seen.peers) : [];
  }

  get port(): number {
    return this.#port;
  }

  /**
   * Takes another key. `tell` says what is described, and resolves when all others that live go by it: first they learn of the new key beside
   * the old one, so that connections go on when it becomes the one.
   */
  async rotate(tell: () => Promise<void>, signal: AbortSignal): Promise<void> {
    // A key that nothing was sent by is as good as a new one.
    if (!this.#applied || this.#next) return;
    const next = newKey();
    this.#next = next;
    await this.#told(tell, signal);
    await this.#works.alone(async () => {
      this.#key = next;
      this.#next = undefined;
      if (this.#applied) await this.#setKey();
    });
    await this.#told(tell, signal);
  }

  /** Nobody may be left behind: it is said until it was heard. Rejects when `signal` ends it. */
  async #told(tell: () => Promise<void>, signal: AbortSignal): Promise<void> {
    for (;;) {
      const heard = await tell().then(
        () => true,
        () => false,
      );
      signal.throwIfAborted();
      if (heard) return;
      await pause(this.#clock, tellAgainMs, signal);
    }
  }

  remove(): Promise<void> {
    return this.#works.alone(async () => {
      this.#applied = undefined;
      if ((await deviceNames()).has(this.name)) await must('ip', ['link', 'del', 'dev', this.name]);
    });
  }

  /** What is lacking is looked for again whenever it is asked for: somebody may have installed it. */
  async #prepare(): Promise<void> {
    const prepared = (this.#prepared ??= this.#look());
    try {
      await prepared;
    } catch (error) {
      this.#lacks = `a look at what it has: ${(error as Error).message}`;
    }
    if (this.#lacks !== undefined && this.#prepared === prepared) this.#prepared = undefined;
  }

  /** What this host can do, and the key of an earlier life: the device keeps it, no file does. */
  async #look(): Promise<void> {
    this.#lacks = undefined;
    if ((await run('wg', ['--version'], limits)).code !== 0) return void (this.#lacks = 'the program wg (package wireguard-tools)');
    const seen = (await deviceNames()).has(this.name) ? await this.#dump() : undefined;
    this.#maker = (await kernelHasIt(this.name)) ? 'kernel' : await programIsThere();
    if (!this.#maker) return void (this.#lacks = 'the kernel module wireguard, and the program wireguard-go with /dev/net/tun in its place');
    if (seen?.privateKey) {
      this.#key = { private: seen.privateKey, public: publicOf(seen.privateKey) };
      this.#port = seen.port;
    } else this.#port = await freePort();
  }

  /** True when it was not there, or not as it was made. */
  async #make(local: string, mtu: number): Promise<boolean> {
    const there = (await deviceNames()).has(this.name);
    const seen = there ? await this.#dump() : undefined;
    if (seen?.privateKey === this.#key.private && (await isUp(this.name))) return false;
    // What does not answer in time may encrypt all the same: it is not taken away under those who use it.
    if (there && !seen) throw new Error(`nobody answers for the device ${this.name}`);
    if (!seen) await (this.#maker === 'kernel' ? must('ip', ['link', 'add', this.name, 'type', 'wireguard']) : startProgram(this.name));
    await this.#setKey();
    await must('ip', ['link', 'set', 'dev', this.name, 'mtu', String(mtu), 'alias', this.#mark, 'up']);
    // What comes by it is from hosts to which the way is another: that is no forgery, for each has proven itself by its key. A device without an address takes none of it.
    await must('ip', ['address', 'replace', `${local}/32`, 'dev', this.name]);
    await writeFile(`/proc/sys/net/ipv4/conf/${this.name}/rp_filter`, '2').catch(() => undefined);
    return true;
  }

  async #setKey(): Promise<void> {
    const { code, stderr } = await run('sh', ['-c', keyFromInput, 'sh', this.name, String(this.#port)], { ...limits, input: `${this.#key.private}\n` });
    if (code !== 0) throw new Error(`wg refused the key of ${this.name}: ${stderr.trim()}`);
  }

  async #seen(): Promise<SeenEncryption> {
    const seen = await this.#dump();
    if (!seen) throw new Error(`nobody answers for the device ${this.name}`);
    return seen;
  }

  async #dump(): Promise<SeenEncryption | undefined> {
    const { code, stdout } = await run('wg', ['show', this.name, 'dump'], limits);
    return code === 0 ? encryptionIn(stdout) : undefined;
  }
}

function newKey(): KeyPair {
  const { d, x } = generateKeyPairSync('x25519').privateKey.export({ format: 'jwk' });
  return { private: fromUrl(d), public: fromUrl(x) };
}

/** Node derives a public key from whole keys only: what goes before the 32 bytes says that this is one of X25519. */
const pkcs8Head = Buffer.from('302e020100300506032b656e04220420', 'hex');

function publicOf(privateKey: string): string {
  const key = Buffer.concat([pkcs8Head, Buffer.from(privateKey, 'base64')]);
  return fromUrl(createPublicKey(createPrivateKey({ key, format: 'der', type: 'pkcs8' })).export({ format: 'jwk' }).x);
}

function fromUrl(text = ''): string {
  return Buffer.from(text, 'base64url').toString('base64');
}

/** Tried with a device that nobody sees for long; where one of ours is there it is not made twice. */
async function kernelHasIt(name: string): Promise<boolean> {
  const probe = name.replace(/^wg-/, 'wgp');
  // One that a daemon left which was killed just then.
  if ((await deviceNames()).has(probe)) await run('ip', ['link', 'del', 'dev', probe], limits);
  if ((await run('ip', ['link', 'add', probe, 'type', 'wireguard'], limits)).code !== 0) return false;
  await run('ip', ['link', 'del', 'dev', probe], limits);
  return true;
}

async function programIsThere(): Promise<Maker | undefined> {
  const device = await access(tun, constants.R_OK | constants.W_OK).then(
    () => true,
    () => false,
  );
  return device && (await run('wireguard-go', ['--version'], limits)).code === 0 ? 'program' : undefined;
}

/** It goes on by itself and outlives the daemon; systemd would end it with the daemon's unit but for a scope of its own. */
async function startProgram(name: string): Promise<void> {
  const scope = ['systemd-run', '--scope', '--quiet', '--collect', `--description=Encryption between hosts, ${name}`, '--'];
  if (existsSync('/run/systemd/system') && (await runApart(scope[0] ?? '', [...scope.slice(1), 'wireguard-go', name], limits)).code === 0) return;
  checked('wireguard-go', [name], await runApart('wireguard-go', [name], limits));
}

async function isUp(name: string): Promise<boolean> {
  const { code, stdout } = await run('ip', ['-j', 'link', 'show', 'dev', name], limits);
  return code === 0 && (JSON.parse(stdout) as { flags?: readonly string[] }[]).some(({ flags = [] }) => flags.includes('UP'));
}

async function freePort(): Promise<number> {
  for (let port = ports.first; port < ports.first + ports.count; port++) if (await isFree(port)) return port;
  return ports.first;
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createSocket('udp4');
    socket.once('error', () => socket.close(() => resolve(false)));
    socket.bind({ port, exclusive: true }, () => socket.close(() => resolve(true)));
  });
}

async function must(command: string, args: readonly string[]): Promise<void> {
  checked(command, args, await run(command, args, limits));
}

function checked(command: string, args: readonly string[], { code, stderr }: RunResult): void {
  if (code !== 0) throw new Error(`${command} ${args.slice(0, 3).join(' ')}: ${stderr.trim() || `it ended with ${code}`}`);
}
