/** Loads stack files that live in a map instead of on a disk. */
import { loadStack } from '#compose/load';
import type { LoadRequest, LoadResult } from '#compose/compose';

const folder = '/stack';

/** `files` by path, relative to the folder; the first is the stack file unless `request` names others. */
export function request(files: Readonly<Record<string, string>>, change: Partial<LoadRequest> = {}): LoadRequest {
  const entries = new Map(Object.entries(files).map(([path, text]) => [path.startsWith('/') ? path : `${folder}/${path}`, text]));
  const [first = ''] = Object.keys(files);
  return {
    mode: 'spec',
    stack: 'app',
    files: [{ path: first, bytes: Buffer.from(files[first] ?? '') }],
    directory: folder,
    home: '/home/me',
    environment: {},
    read: (path) => {
      const text = entries.get(path);
      return text === undefined ? { error: `open ${path}: no such file or directory` } : { bytes: Buffer.from(text) };
    },
    rotate: false,
    ...change,
  };
}

export function load(files: Readonly<Record<string, string>>, change: Partial<LoadRequest> = {}): LoadResult {
  return loadStack(request(files, change));
}

/** The texts of the errors of a load that must fail. */
export function errorsOf(result: LoadResult): string[] {
  return result.diagnostics.filter(({ severity }) => severity === 'error').map(({ message }) => message);
}
