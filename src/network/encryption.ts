/** How a host sends packets of encrypted networks: by a WireGuard device of its own, whose peers are the hosts that are on these networks too. */
import { compareTexts } from '#base/text/text';
import type { EncryptedPeer } from './overlay.ts';

/** What WireGuard puts around a packet, and the IPv4 and UDP headers before that. */
const encryptionBytes = 60;
/** It fills packets up to a multiple of this, as far as its own device carries: from a host that carries more they would come longer than this one can take. */
const filledTo = 16;
/** What a packet between hosts needs beside its content: outer IP and UDP, VXLAN, the inner Ethernet. */
export const overlayBytes = 50;
const nameIdLength = 11;

/** Of the device that encrypts, over links of `linkMtu`. */
export function encryptedMtu(linkMtu: number): number {
  const left = linkMtu - encryptionBytes;
  return left - (left % filledTo);
}

/** Of an encrypted network where one that is not has `networkMtu`. */
export function encryptedNetworkMtu(networkMtu: number): number {
  return encryptedMtu(networkMtu + overlayBytes) - overlayBytes;
}

/** Name of the device of the node `nodeId`: daemons of one machine may share the folder of sockets. */
export function encryptingDevice(nodeId: string): string {
  return `wg-${nodeId.slice(0, nameIdLength)}`;
}

/** As `wg show DEVICE dump` lists one. */
export interface SeenPeer {
  allowed: readonly string[];
  /** HOST:PORT, as it was set or where its last packet came from. */
  endpoint: string;
  /** Seconds since 1970; 0: it never answered. */
  heardAt: number;
  sentBytes: number;
}

export interface SeenEncryption {
  privateKey: string;
  port: number;
  /** By public key. */
  peers: ReadonlyMap<string, SeenPeer>;
}

/** Of `wg show DEVICE dump`. */
export function encryptionIn(dump: string): SeenEncryption {
  const [first = '', ...rest] = dump.split('\n').filter((line) => line !== '');
  const [privateKey = '', , port = '0'] = first.split('\t');
  const peers = rest.map((line): [string, SeenPeer] => {
    const [key = '', , endpoint = '', allowed = '', heardAt = '0', , sentBytes = '0'] = line.split('\t');
    return [key, { allowed: allowed === '(none)' ? [] : allowed.split(','), endpoint, heardAt: Number(heardAt), sentBytes: Number(sentBytes) }];
  });
  return { privateKey: privateKey === '(none)' ? '' : privateKey, port: Number(port), peers: new Map(peers) };
}

/**
 * Words for `wg set DEVICE` that make its peers those that are wanted. An address belongs to the key that its host has now; the key that it
 * will have is known before, so that the host is heard by it at once. Where a peer was heard from last is its own business, unless it was `moved`.
 */
export function peerWords(wanted: ReadonlyMap<string, EncryptedPeer>, seen: SeenEncryption['peers'], moved: ReadonlySet<string> = new Set()): string[] {
  const keys = new Map<string, { host: string; endpoint: string; allowed: readonly string[] }>();
  for (const [host, { key, next, port }] of [...wanted].toSorted(([a], [b]) => compareTexts(a, b))) {
    const endpoint = `${host}:${port}`;
    if (next !== undefined) keys.set(next, { host, endpoint, allowed: [] });
    keys.set(key, { host, endpoint, allowed: [`${host}/32`] });
  }
  const words: string[] = [];
  for (const key of seen.keys()) if (!keys.has(key)) words.push('peer', key, 'remove');
  for (const [key, { host, endpoint, allowed }] of keys) {
    const known = seen.get(key);
    if (known && !moved.has(host) && known.allowed.join() === allowed.join()) continue;
    words.push('peer', key, 'endpoint', endpoint, 'allowed-ips', allowed.join(','));
  }
  return words;
}

/** Equal for what is equal, whatever its order. */
export function wantedText(wanted: ReadonlyMap<string, EncryptedPeer>): string {
  return JSON.stringify([...wanted].toSorted(([a], [b]) => compareTexts(a, b)));
}

/** Hosts that packets were sent to and that never answered. */
export function unheard(wanted: ReadonlyMap<string, EncryptedPeer>, seen: SeenEncryption['peers']): string[] {
  return [...wanted].flatMap(([host, { key }]) => {
    const peer = seen.get(key);
    return peer && peer.sentBytes > 0 && peer.heardAt === 0 ? [host] : [];
  });
}
