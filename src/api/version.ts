/** The Engine API's version numbers in paths and headers. */
import { HttpError } from './errors.ts';

/** Newest and oldest version whose shapes we speak, as the minor number of 1.x. */
export const newestVersion = 47;
export const oldestVersion = 24;

export interface VersionedPath {
  /** Without prefix. */
  path: string;
  /** Minor number; the newest when the path names none. */
  version: number;
  explicit: boolean;
}

/** Splits `/v1.41/services`; refuses versions outside our range with Docker's words. */
export function splitVersion(pathname: string): VersionedPath {
  const match = /^\/v(\d+)\.(\d+)(\/.*)$/.exec(pathname);
  if (!match) return { path: pathname, version: newestVersion, explicit: false };
  const [, major = '', minor = '', path = ''] = match;
  const version = Number(minor);
  if (Number(major) > 1 || version > newestVersion) {
    throw new HttpError(400, `client version ${major}.${minor} is too new. Maximum supported API version is 1.${newestVersion}`);
  }
  if (Number(major) < 1 || version < oldestVersion) {
    const advice = 'please upgrade your client to a newer version';
    throw new HttpError(400, `client version ${major}.${minor} is too old. Minimum supported API version is 1.${oldestVersion}, ${advice}`);
  }
  return { path, version, explicit: true };
}

/** Minor number of a text such as `1.41`; undefined when it is none. */
export function minorVersion(text: string | undefined): number | undefined {
  const match = /^1\.(\d+)$/.exec(text ?? '');
  return match ? Number(match[1]) : undefined;
}

/** The path that the engine gets: a version newer than its own is brought down to its own. */
export function enginePath(target: VersionedPath, engineVersion: number): string {
  return target.explicit ? `/v1.${Math.min(target.version, engineVersion)}${target.path}` : target.path;
}
