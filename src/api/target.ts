/** What a request asks for: its path decoded once and cleaned, without the version prefix. All that decides goes by this, and the engine gets nothing else. */
import { HttpError } from './errors.ts';
import { newestVersion, oldestVersion } from './version.ts';

export interface RequestTarget {
  /** Decoded and cleaned, without version prefix. */
  path: string;
  /** Minor number; the newest when the path names none. */
  version: number;
  explicit: boolean;
  /** Query with its question mark, or nothing. */
  search: string;
}

/** `http://host/path`, as a request to a proxy has it. */
const absoluteForm = /^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i;
/** What an engine takes for a version, well written or not: it must never be read as the beginning of another path. */
const versionSegment = /^\/v([0-9.]*)(?=\/|$)/i;

/**
 * Reads a request's target. Refuses with 400 what two readers could read in two ways: broken escapes, control characters,
 * odd version numbers; and versions outside our range in Docker's words.
 */
export function readTarget(url: string): RequestTarget {
  const local = url.replace(absoluteForm, '');
  const mark = local.indexOf('?');
  const written = mark < 0 ? local : local.slice(0, mark);
  const search = mark < 0 ? '' : local.slice(mark);
  return { ...splitVersion(cleaned(decoded(written))), search };
}

/** The path as the engine gets it; a version newer than its own is brought down to its own. */
export function enginePath(target: RequestTarget, engineVersion: number): string {
  const prefix = target.explicit ? `/v1.${Math.min(target.version, engineVersion)}` : '';
  return prefix + target.path.split('/').map(encodedSegment).join('/');
}

/** Nothing to undo and nothing to refuse. */
const plain = /^[\x20-\x24\x26-\x7e]*$/;

/** Escapes undone once, at the level of bytes, as Go does it. */
export function decoded(written: string): string {
  if (plain.test(written)) return written;
  const bytes: number[] = [];
  for (let i = 0; i < written.length; i++) {
    if (written[i] !== '%') {
      bytes.push(written.charCodeAt(i) & 0xff);
      continue;
    }
    const digits = written.slice(i + 1, i + 3);
    if (!/^[0-9a-f]{2}$/i.test(digits)) throw new HttpError(400, `invalid URL escape ${JSON.stringify(written.slice(i, i + 3))}`);
    bytes.push(Number.parseInt(digits, 16));
    i += 2;
  }
  const text = Buffer.from(bytes).toString('utf8');
  if (text.includes('\ufffd') || /[\u0000-\u001f\u007f-\u009f]/.test(text)) {
    throw new HttpError(400, 'invalid URL path: it holds bytes that are no text, or control characters');
  }
  return text;
}

/** Without empty, `.` and `..` segments, as Go's router cleans it; a slash at the end stays. */
export function cleaned(path: string): string {
  const kept: string[] = [];
  for (const segment of path.split('/')) {
    if (segment === '..') kept.pop();
    else if (segment !== '' && segment !== '.') kept.push(segment);
  }
  const slash = kept.length > 0 && /\/\.{0,2}$/.test(path) ? '/' : '';
  return `/${kept.join('/')}${slash}`;
}

function splitVersion(path: string): Omit<RequestTarget, 'search'> {
  const found = versionSegment.exec(path);
  if (!found) return { path, version: newestVersion, explicit: false };
  const [prefix, text = ''] = found;
  const [, major, minor] = /^(\d{1,9})\.(\d{1,9})$/.exec(text) ?? [];
  if (major === undefined || !prefix.startsWith('/v')) throw new HttpError(400, `invalid API version ${JSON.stringify(prefix.slice(2))} in the path`);
  const version = Number(minor);
  if (Number(major) > 1 || version > newestVersion) {
    throw new HttpError(400, `client version ${major}.${minor} is too new. Maximum supported API version is 1.${newestVersion}`);
  }
  if (Number(major) < 1 || version < oldestVersion) {
    const advice = 'please upgrade your client to a newer version';
    throw new HttpError(400, `client version ${major}.${minor} is too old. Minimum supported API version is 1.${oldestVersion}, ${advice}`);
  }
  return { path: path.slice(prefix.length) || '/', version, explicit: true };
}

/** With the marks left plain that clients of engines write plainly: image references hold colons and at signs. */
function encodedSegment(segment: string): string {
  return encodeURIComponent(segment).replaceAll(/%(3A|40|24|26|2B|2C|3B|3D)/g, (escape) => decodeURIComponent(escape));
}
