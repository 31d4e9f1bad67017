/** Image references after the distribution project's grammar: checked, and written as Docker's client sends them. */
import { Refusal } from '#base/refusal';

const component = '[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*';
const host = '(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])';
const domain = `(?:${host}(?:\\.${host})*|\\[[a-fA-F0-9:]+\\])(?::[0-9]+)?`;
const digest = '[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}';
const reference = new RegExp(`^((?:${domain}/)?${component}(?:/${component})*)(?::([\\w][\\w.-]{0,127}))?(?:@(${digest}))?$`);
const digestLengths: Readonly<Record<string, number>> = { sha256: 64, sha384: 96, sha512: 128 };

/** Throws Refusal `invalid reference format…`. */
export function checkImage(image: string): void {
  if (/^[a-f0-9]{64}$/.test(image) || isDigest(image)) return;
  const { remainder, full } = splitDomain(image);
  const remote = remainder.split(':')[0] ?? '';
  if (remote.toLowerCase() !== remote) throw refuse(`invalid reference format: repository name (${remote}) must be lowercase`);
  const match = reference.exec(full);
  if (!match) throw refuse('invalid reference format');
  if ((match[1] ?? '').length > 255) throw refuse('repository name must not be more than 255 characters');
  if (match[3] !== undefined) checkDigest(match[3]);
}

function checkDigest(text: string): void {
  const [algorithm = '', hex = ''] = text.split(':');
  const length = digestLengths[algorithm];
  if (length === undefined) throw refuse('unsupported digest algorithm');
  if (hex.length !== length) throw refuse('invalid checksum digest length');
  if (!/^[a-f0-9]+$/.test(hex)) throw refuse('invalid checksum digest format');
}

function isDigest(text: string): boolean {
  const [algorithm = '', hex = ''] = text.split(':');
  return digestLengths[algorithm] === hex.length && /^[a-f0-9]+$/.test(hex);
}

function refuse(message: string): Refusal {
  return new Refusal('invalidArgument', message);
}

function splitDomain(image: string): { domain: string; remainder: string; full: string } {
  const slash = image.indexOf('/');
  const first = image.slice(0, Math.max(slash, 0));
  const isHost = slash >= 0 && (/[.:]/.test(first) || first === 'localhost' || first.toLowerCase() !== first);
  const named = isHost ? first : 'docker.io';
  const domainName = named === 'index.docker.io' ? 'docker.io' : named;
  const rest = isHost ? image.slice(slash + 1) : image;
  const remainder = domainName === 'docker.io' && !rest.includes('/') ? `library/${rest}` : rest;
  return { domain: domainName, remainder, full: `${domainName}/${remainder}` };
}

/** The image as the client sends it: `:latest` where no tag or digest is, Docker Hub's own prefixes left out. */
export function normalImage(image: string): string {
  if (/^[a-f0-9]{64}$/.test(image)) return image;
  const { domain: registry, remainder, full } = splitDomain(image);
  const match = reference.exec(full);
  if (!match) return image;
  const short = registry !== 'docker.io' ? full : remainder.startsWith('library/') && !remainder.slice(8).includes('/') ? remainder.slice(8) : remainder;
  return match[2] === undefined && match[3] === undefined ? `${short}:latest` : short;
}

/** Domain of the registry that holds the image. */
export function registryOf(image: string): string {
  return splitDomain(image).domain;
}
