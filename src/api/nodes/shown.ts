/** The one table of what a node shows of its tasks' containers to the managers, whoever asks them. All else of an engine stays on its host. */
import { router } from '../router.ts';

export interface ShownRoute {
  method: 'GET' | 'POST';
  /** `{}`: the container's id or name, or the exec's id. */
  pattern: string;
}

export const shownRoutes: readonly ShownRoute[] = [
  { method: 'GET', pattern: '/containers/{}/json' },
  { method: 'GET', pattern: '/containers/{}/logs' },
  { method: 'GET', pattern: '/containers/{}/stats' },
  { method: 'GET', pattern: '/containers/{}/top' },
  { method: 'POST', pattern: '/containers/{}/exec' },
  { method: 'POST', pattern: '/exec/{}/start' },
  { method: 'POST', pattern: '/exec/{}/resize' },
  { method: 'GET', pattern: '/exec/{}/json' },
];

/** Something of a container, or of a command that was started in one. */
export interface Shown {
  of: 'container' | 'exec';
  /** As it was asked for. */
  ref: string;
  /** What of it, such as `logs`. */
  what: string;
}

const find = router(shownRoutes.map((route) => ({ ...route, handler: () => 'sent' as const })));

/** Undefined for what no node shows. @param path decoded, cleaned, without version */
export function shownBy(method: string, path: string): Shown | undefined {
  const [ref] = find(method, path)?.parameters ?? [];
  if (ref === undefined) return undefined;
  const [, word, , what = ''] = path.split('/');
  return { of: word === 'exec' ? 'exec' : 'container', ref, what };
}

/** A container's own description: its networks are shown as the cluster's. */
export function isInspect({ of, what }: Shown): boolean {
  return of === 'container' && what === 'json';
}

/** The path under which an engine has it. */
export function pathOf({ of, ref, what }: Shown): string {
  return `/${of === 'exec' ? 'exec' : 'containers'}/${ref}/${what}`;
}
