/** A SOPS file of any format: its metadata, its values in the order of the file, and its text once they are open. */
import type { Scalar } from './sops-value.ts';

export interface SopsDocument {
  metadata: SopsMetadata;
  values: readonly SopsLeaf[];
  /** What the values count for is bytes, not text: the whole file is one value. */
  binary?: true;
  /** The file as it was before it was encrypted. */
  text: () => string;
}

export interface SopsLeaf {
  /** Keys from the top; places in lists are left out. */
  path: readonly string[];
  value: Scalar;
  set: (value: Scalar) => void;
}

export interface SopsMetadata {
  mac: string;
  /** As it stands in the file: the checksum is bound to it. */
  lastModified: string;
  /** The checksum is over encrypted values alone. */
  encryptedOnly: boolean;
  age: readonly { recipient: string; enc: string }[];
  /** The key is split over several groups. */
  groups: boolean;
}

/** More say nothing about a secret. */
const mostRecipients = 100;

/** From what stands under `sops`. */
export function metadataOf(found: unknown): SopsMetadata | undefined {
  if (typeof found !== 'object' || found === null) return undefined;
  const { mac, lastmodified, mac_only_encrypted, age, key_groups, shamir_threshold } = found as Record<string, unknown>;
  if (typeof mac !== 'string' || typeof lastmodified !== 'string') return undefined;
  const recipients = Array.isArray(age) ? (age as unknown[]).slice(0, mostRecipients) : [];
  return {
    mac,
    lastModified: lastmodified,
    encryptedOnly: mac_only_encrypted === true || mac_only_encrypted === 'true',
    age: recipients.flatMap((each) => {
      const { recipient, enc } = (each ?? {}) as Record<string, unknown>;
      return typeof recipient === 'string' && typeof enc === 'string' ? [{ recipient, enc }] : [];
    }),
    groups: (Array.isArray(key_groups) && key_groups.length > 0) || Number(shamir_threshold ?? 0) > 1,
  };
}
