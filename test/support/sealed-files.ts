/**
 * Files as age and SOPS write them, for a key that is made for tests alone.
 * `madeByAge` was written by age 1.1.1 (`printf 'made by age\n' | age -r RECIPIENT [-a]`). SOPS files are written here, after its
 * format and without the code that reads them: values by AES-256-GCM bound to their path, the checksum over all of them, the data key by age.
 */
import { createCipheriv, createHash, randomBytes } from 'node:crypto';
import { armor, Encrypter } from 'age-encryption';

export const testIdentity = 'AGE-SECRET-KEY-1ZGH8PREMAUHE95MRZKY27Q9Z8FGS9MKM4S5790L327GMN65J4LHQ84HV4R';
export const testRecipient = 'age1pf9u97wmjzl5k7td9s8a8hh07qxg75ujg2ttqxtc096gemgw7f4s7q3523';

export const madeByAge = {
  armored: `-----BEGIN AGE ENCRYPTED FILE-----
YWdlLWVuY3J5cHRpb24ub3JnL3YxCi0+IFgyNTUxOSBDVUk4U1VRazVOM25ReTE0
VDRtNjZ4dkpoRHNiVE1WZ2UyY0xYY21hVXpRCmpreXJ3SzdkVGdtUGs5cE5MR1Vw
ZGI1S04veG5RUSt0R0Y5MVRGbDB3MVUKLS0tIElTSjJ3STFjdXdLTDRpb1ZCby81
M0hwLzM1MlduMHplbW9GWTY1MjZHcEkKpLYEz13+ziGoYlogpBvU0GiqYajyMLyn
uX7vdeinESfCm7LZW4Nrc4GPgzw=
-----END AGE ENCRYPTED FILE-----
`,
  binary: Buffer.from(
    'YWdlLWVuY3J5cHRpb24ub3JnL3YxCi0+IFgyNTUxOSBwUXRvNDJ0cFlDQWtremlXRjU3RzBrcVA4MTJyOS9MeEVWb3V3b2dDQmhrCm03cFhWb3pVNEFyK0hldEpFeUs4RE1JU2xDUGdzQlJ5a2NoK0JyOE1wZ28KLS0tIHlvbGxKU2NnMTc1SWJvWHExZnIwTEh2bU91NVpWZUREeVdFanJKZENWT3cKgmxuNoDkIgxK/XdVbQ33j/YcjkzgJj2qTEI1kB31Il4x8B30fAUZkvVSXgA=',
    'base64',
  ),
};

/** What age encrypts, in letters. */
export async function ageFile(plain: string | Uint8Array, recipient = testRecipient): Promise<string> {
  const encrypter = new Encrypter();
  encrypter.addRecipient(recipient);
  return armor.encode(await encrypter.encrypt(plain));
}

type Plain = string | number | boolean | null | Plain[] | { [key: string]: Plain };

export interface SopsOptions {
  recipient?: string;
  encryptedOnly?: boolean;
  /** Keys with this ending stay in clear. */
  clearSuffix?: string;
  /** What the checksum is made of instead. */
  sum?: string;
}

/** Encrypts each value in place and answers the metadata. */
class SopsWriter {
  readonly #key = randomBytes(32);
  readonly #sum = createHash('sha512');
  readonly #options: SopsOptions;

  constructor(options: SopsOptions) {
    this.#options = options;
    if (options.encryptedOnly) this.#sum.update(createHash('sha256').update('sops').digest());
  }

  value(plain: string | number | boolean | Buffer, path: readonly string[]): string | number | boolean {
    const clear = path.some((key) => key.endsWith(this.#options.clearSuffix ?? '_unencrypted'));
    const digits = (number: number): string => (Number.isInteger(number) ? String(BigInt(number)) : number.toFixed(12).replace(/0+$/, ''));
    const text = typeof plain === 'boolean' ? (plain ? 'True' : 'False') : typeof plain === 'number' ? digits(plain) : plain;
    const bytes = Buffer.isBuffer(text) ? text : Buffer.from(String(text));
    if (!clear || !this.#options.encryptedOnly) this.#sum.update(bytes);
    if (clear || bytes.length === 0) return Buffer.isBuffer(plain) ? plain.toString() : plain;
    const type = typeof plain === 'boolean' ? 'bool' : typeof plain === 'number' ? (Number.isInteger(plain) ? 'int' : 'float') : 'str';
    return this.#encrypted(bytes, type, `${path.join(':')}:`);
  }

  tree(node: Plain, path: readonly string[]): Plain {
    if (node === null) return null;
    if (Array.isArray(node)) return node.map((item) => this.tree(item, path));
    if (typeof node === 'object') return Object.fromEntries(Object.entries(node).map(([key, value]) => [key, this.tree(value, [...path, key])]));
    return this.value(node, path);
  }

  comment(text: string): string {
    return this.#encrypted(Buffer.from(text), 'comment', ':');
  }

  async metadata(): Promise<{ age: { recipient: string; enc: string }[]; lastmodified: string; mac: string; version: string; mac_only_encrypted?: true }> {
    const { recipient = testRecipient, encryptedOnly, sum } = this.#options;
    const lastmodified = '2026-01-02T03:04:05Z';
    const counted = sum ?? this.#sum.digest('hex').toUpperCase();
    return {
      age: [{ recipient, enc: await ageFile(this.#key, recipient) }],
      lastmodified,
      mac: this.#encrypted(Buffer.from(counted), 'str', lastmodified),
      ...(encryptedOnly && { mac_only_encrypted: true as const }),
      version: '3.9.4',
    };
  }

  #encrypted(bytes: Buffer, type: string, place: string): string {
    const iv = randomBytes(32);
    const cipher = createCipheriv('aes-256-gcm', this.#key, iv);
    cipher.setAAD(Buffer.from(place));
    const data = Buffer.concat([cipher.update(bytes), cipher.final()]);
    const parts = [data, iv, cipher.getAuthTag()].map((part) => part.toString('base64'));
    return `ENC[AES256_GCM,data:${parts[0]},iv:${parts[1]},tag:${parts[2]},type:${type}]`;
  }
}

/** JSON is YAML, too: for both. */
export async function sopsTree(plain: { [key: string]: Plain }, options: SopsOptions = {}): Promise<string> {
  const writer = new SopsWriter(options);
  const tree = writer.tree(plain, []) as object;
  return JSON.stringify({ ...tree, sops: await writer.metadata() }, undefined, 2);
}

export async function sopsBinary(plain: Buffer, options: SopsOptions = {}): Promise<string> {
  const writer = new SopsWriter(options);
  const data = writer.value(plain, ['data']);
  return JSON.stringify({ data, sops: await writer.metadata() });
}

export async function sopsEnv(lines: readonly (readonly [string, string])[], options: SopsOptions = {}): Promise<string> {
  const writer = new SopsWriter(options);
  const comment = `#${writer.comment(' who made it')}`;
  const values = lines.map(([name, value]) => `${name}=${String(writer.value(value, [name])).replaceAll('\n', '\\n')}`);
  const { age, lastmodified, mac, mac_only_encrypted } = await writer.metadata();
  const facts = [
    `sops_age__list_0__map_enc=${age[0]?.enc.replaceAll('\n', '\\n')}`,
    `sops_age__list_0__map_recipient=${age[0]?.recipient}`,
    `sops_lastmodified=${lastmodified}`,
    `sops_mac=${mac}`,
    ...(mac_only_encrypted ? ['sops_mac_only_encrypted=true'] : []),
    'sops_version=3.9.4',
  ];
  return `${[comment, ...values, ...facts].join('\n')}\n`;
}
