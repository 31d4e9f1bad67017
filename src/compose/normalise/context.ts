/** What expanding a file's values may ask of the world around it. */
import { posix } from 'node:path';
import { Refusal } from '#base/refusal';
import type { LoadRequest } from '../compose.ts';

export interface Context {
  mode: LoadRequest['mode'];
  /** Absolute folder that relative paths resolve against. */
  directory: string;
  home?: string;
  /** The caller's environment. */
  caller: (name: string) => string | undefined;
  /** The same, and in spec mode what `.env` adds. */
  lookup: (name: string) => string | undefined;
  /** Bytes of a file by its absolute path. Throws Refusal when it cannot be read or lies outside. */
  read: (path: string) => Uint8Array;
  /** Published ports so far, of all services. */
  published: { ports: number };
  /** A line for people that Docker writes as it loads. */
  warn: (message: string) => void;
}

export function contextOf(request: LoadRequest, warn: (message: string) => void): Context {
  const caller = (name: string): string | undefined => (Object.hasOwn(request.environment, name) ? request.environment[name] : undefined);
  return {
    mode: request.mode,
    directory: request.directory,
    ...(request.home === undefined ? {} : { home: request.home }),
    caller,
    lookup: caller,
    published: { ports: 0 },
    read: (path) => readInside(request, path),
    warn,
  };
}

/** An absolute path; a relative one resolves against the stack's folder. */
export function absolute(directory: string, path: string): string {
  if (posix.isAbsolute(path)) return path;
  const joined = posix.join(directory, path);
  return joined.length > 1 ? joined.replace(/\/$/, '') : joined;
}

function readInside(request: LoadRequest, path: string): Uint8Array {
  if (request.confine !== undefined) refuseOutside(request.confine, path);
  const result = request.read(path);
  if ('error' in result) throw new Refusal('invalidArgument', result.error, { path });
  return result.bytes;
}

/** Throws Refusal when `path`, once `..` is worked out, leaves `folder`. */
function refuseOutside(folder: string, path: string): void {
  const root = posix.normalize(folder).replace(/\/+$/, '');
  const target = posix.normalize(path);
  if (target !== root && !target.startsWith(`${root}/`)) {
    throw new Refusal('permissionDenied', `${path} lies outside the folder that may be read`, { path });
  }
}
