/** One value of a SOPS file: how it is written, opened, and counted into the file's checksum. */
import { createDecipheriv } from 'node:crypto';
import { Refusal } from '#base/refusal';

export type Scalar = string | number | bigint | boolean;

/** An encrypted value after it was opened. */
export interface Opened {
  type: string;
  bytes: Buffer;
}

const written = /^ENC\[AES256_GCM,data:([A-Za-z0-9+/=]*),iv:([A-Za-z0-9+/=]+),tag:([A-Za-z0-9+/=]+),type:([a-z]+)\]$/;
const ivBytes = 32;
const tagBytes = 16;

export function isEncrypted(value: unknown): value is string {
  return typeof value === 'string' && value.startsWith('ENC[AES256_GCM,');
}

/** `place`: what the value is bound to: its path, each key followed by a colon. Throws Refusal. */
export function openValue(text: string, key: Uint8Array, place: string, shown: string): Opened {
  const [, data = '', iv = '', tag = '', type = ''] = written.exec(text) ?? [];
  const [nonce, mark] = [Buffer.from(iv, 'base64'), Buffer.from(tag, 'base64')];
  if (type === '' || nonce.length !== ivBytes || mark.length !== tagBytes) throw new Refusal('invalidArgument', `${shown} is no value that SOPS writes`);
  const cipher = createDecipheriv('aes-256-gcm', key, nonce);
  cipher.setAuthTag(mark);
  cipher.setAAD(Buffer.from(place));
  try {
    return { type, bytes: Buffer.concat([cipher.update(Buffer.from(data, 'base64')), cipher.final()]) };
  } catch {
    throw new Refusal('invalidArgument', `${shown} was changed, or moved, since SOPS wrote it`);
  }
}

/** An opened value as the file's format has it. */
export function scalarOf({ type, bytes }: Opened, shown: string): Scalar {
  const text = bytes.toString('utf8');
  if (type === 'str' || type === 'bytes' || type === 'comment') return text;
  if (type === 'int' && /^-?\d{1,19}$/.test(text)) return BigInt(text);
  if (type === 'float' && text !== '' && text.length <= 400 && Number.isFinite(Number(text))) return Number(text);
  if (type === 'bool' && /^(true|false)$/i.test(text)) return text.toLowerCase() === 'true';
  throw new Refusal('invalidArgument', `${shown} is of type ${type}, which is not known`);
}

/** What a value that stands in clear adds to the checksum. */
export function countedText(value: Scalar): string {
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  return typeof value === 'number' ? plainNumber(value) : String(value);
}

/** Digits without an exponent, as few as tell the number. */
function plainNumber(value: number): string {
  const [, sign = '', first = '', rest = '', exponent = '0'] = /^(-?)(\d+)(?:\.(\d+))?(?:e([+-]\d+))?$/.exec(String(value)) ?? [];
  if (exponent === '0') return String(value);
  const shift = first.length + Number(exponent);
  const digits = first + rest;
  if (shift <= 0) return `${sign}0.${'0'.repeat(-shift)}${digits}`;
  return `${sign}${digits.padEnd(shift, '0').slice(0, shift)}${digits.length > shift ? `.${digits.slice(shift)}` : ''}`;
}
