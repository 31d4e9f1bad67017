/** The one codec for log entries, snapshots and message payloads: a version byte, then JSON. */
import { Refusal } from './refusal.ts';
import { deepestJson, isDeeper } from './text/json-depth.ts';

const version = 1;
const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true });

/** Bytes of a JSON value. JSON is chosen for being readable in a crisis; 1,000 tasks take about 3 ms. */
export function encode(value: unknown): Uint8Array {
  const body = encoder.encode(JSON.stringify(value));
  const bytes = new Uint8Array(body.length + 1);
  bytes[0] = version;
  bytes.set(body, 1);
  return bytes;
}

/** The value in `bytes`; the caller vouches for its type. Refuses another version and broken text. */
export function decode<T>(bytes: Uint8Array): T {
  if (bytes[0] !== version) {
    throw new Refusal('unknown', `cannot read data of format version ${bytes[0] ?? 'none'}; this program reads version ${version}`);
  }
  try {
    return JSON.parse(decoder.decode(bytes.subarray(1))) as T;
  } catch (error) {
    throw new Refusal('unknown', `cannot decode ${bytes.length} bytes: ${(error as Error).message}`);
  }
}

/** `decode` of what somebody else made. Refuses `invalidArgument`, too, what is longer than `limitBytes` or nested deeper than anything of ours. */
export function decodeForeign<T>(bytes: Uint8Array, limitBytes: number): T {
  if (bytes.length > limitBytes) throw new Refusal('invalidArgument', `a message has ${bytes.length} bytes: at most ${limitBytes} are taken`);
  if (isDeeper(bytes.subarray(1), deepestJson)) throw new Refusal('invalidArgument', `a message is nested more than ${deepestJson} deep`);
  return decode<T>(bytes);
}
