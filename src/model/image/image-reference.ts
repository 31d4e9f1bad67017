/** Image references after the distribution project's grammar: the one place that takes them apart and writes them. */
import { own } from '#base/text/own';
import { Refusal } from '#base/refusal';

const component = '[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*';
const host = '(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])';
const domain = `(?:${host}(?:\\.${host})*|\\[[a-fA-F0-9:]+\\])(?::[0-9]+)?`;
const digestText = '[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}';
const reference = new RegExp(`^((?:${domain}/)?${component}(?:/${component})*)(?::([\\w][\\w.-]{0,127}))?(?:@(${digestText}))?$`);
const digestLengths: Readonly<Record<string, number>> = { sha256: 64, sha384: 96, sha512: 128 };
const nameLimit = 255;
const hub = 'docker.io';
/** Before it is matched, so that no pattern works on megabytes: name, tag and digest at their longest, with room. */
const textLimit = 1024;

export interface ImageReference {
  /** `docker.io` where none is written. */
  registry: string;
  /** `library/` before Docker Hub's own included. */
  path: string;
  tag?: string;
  /** `sha256:…` */
  digest?: string;
}

/**
 * Takes a reference apart. Refuses with the reference library's words.
 * @internal
 */
export function parseImage(image: string): ImageReference {
  if (image.length > textLimit) throw refuse('invalid reference format');
  if (/^[a-f0-9]{64}$/.test(image)) throw refuse(`invalid repository name (${image}), cannot specify 64-byte hexadecimal strings`);
  const { registry, remainder } = splitRegistry(image);
  const remote = remainder.split(':')[0] ?? '';
  if (remote.toLowerCase() !== remote) throw refuse(`invalid reference format: repository name (${remote}) must be lowercase`);
  const [, name, tag, digest] = reference.exec(`${registry}/${remainder}`) ?? [];
  if (name === undefined) throw refuse('invalid reference format');
  if (name.length > nameLimit) throw refuse(`repository name must not be more than ${nameLimit} characters`);
  if (digest !== undefined) checkDigest(digest);
  return { registry, path: name.slice(registry.length + 1), ...(tag !== undefined && { tag }), ...(digest !== undefined && { digest }) };
}

/** Refuses what is neither a reference nor an id. */
export function checkImage(image: string): void {
  if (!isImageId(image)) parseImage(image);
}

/** Undefined for what is no reference. */
export function readImage(image: string): ImageReference | undefined {
  try {
    return parseImage(image);
  } catch (error) {
    if (error instanceof Refusal) return undefined;
    throw error;
  }
}

/** An image's id: it names what a node has, never what a registry holds. */
function isImageId(image: string): boolean {
  const [algorithm = '', hex = ''] = image.includes(':') ? image.split(':', 2) : ['sha256', image];
  return own(digestLengths, algorithm) === hex.length && /^[a-f0-9]+$/.test(hex) && image.length <= textLimit;
}

/** It names one content only: by digest or by id. */
export function isFixedImage(image: string): boolean {
  return isImageId(image) || readImage(image)?.digest !== undefined;
}

/** The image as the client sends it: `:latest` where no tag or digest is, Docker Hub's own prefixes left out. */
export function normalImage(image: string): string {
  const parsed = readImage(image);
  return parsed ? referenceText(parsed.tag === undefined && parsed.digest === undefined ? { ...parsed, tag: 'latest' } : parsed) : image;
}

/** The name as people write it: no default registry, and no digest where there is a tag unless `whole`. */
export function familiarImage(image: string, whole = false): string {
  const parsed = readImage(image);
  if (!parsed) return image;
  const { digest: _digest, ...short } = parsed;
  return referenceText(whole || parsed.tag === undefined ? parsed : short);
}

/** Without the digest, as the file says it. */
export function withoutDigest(image: string): string {
  return readImage(image)?.digest === undefined ? image : image.slice(0, image.lastIndexOf('@'));
}

/** True when `pinned` is `image` with a digest that somebody looked up. */
export function isPinned(pinned: string, image: string): boolean {
  const [one, other] = [readImage(pinned), readImage(image)];
  if (!one?.digest || !other || other.digest !== undefined) return false;
  const tag = one.tag ?? (other.tag === undefined ? 'latest' : undefined);
  return one.registry === other.registry && one.path === other.path && tag === (other.tag ?? 'latest');
}

/** Domain of the registry that holds the image. */
export function registryOf(image: string): string {
  return splitRegistry(image).registry;
}

function referenceText({ registry, path, tag, digest }: ImageReference): string {
  // A name that looks like an id, or a path whose first part looks like a host, would be read as one.
  const official = registry === hub && /^library\/[^/]+$/.test(path) && !/\/[a-f0-9]{64}$/.test(path);
  const plain = registry === hub && splitRegistry(path).registry === hub && !path.startsWith(`${hub}/`) && !path.startsWith(`index.${hub}/`);
  const name = official ? path.slice('library/'.length) : plain ? path : `${registry}/${path}`;
  return `${name}${tag === undefined ? '' : `:${tag}`}${digest === undefined ? '' : `@${digest}`}`;
}

function splitRegistry(image: string): { registry: string; remainder: string } {
  const slash = image.indexOf('/');
  const first = image.slice(0, Math.max(slash, 0));
  const isHost = slash >= 0 && (/[.:]/.test(first) || first === 'localhost' || first.toLowerCase() !== first);
  const registry = !isHost || first === `index.${hub}` ? hub : first;
  const rest = isHost ? image.slice(slash + 1) : image;
  return { registry, remainder: registry === hub && !rest.includes('/') ? `library/${rest}` : rest };
}

function checkDigest(text: string): void {
  const [algorithm = '', hex = ''] = text.split(':');
  const length = own(digestLengths, algorithm);
  if (length === undefined) throw refuse('unsupported digest algorithm');
  if (hex.length !== length) throw refuse('invalid checksum digest length');
  if (!/^[a-f0-9]+$/.test(hex)) throw refuse('invalid checksum digest format');
}

function refuse(message: string): Refusal {
  return new Refusal('invalidArgument', message);
}
