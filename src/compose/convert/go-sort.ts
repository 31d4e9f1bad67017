/** Go's sort.Slice, as far as order between equals goes: up to twelve items keep it. */

export function sortLikeGo<T>(items: readonly T[], less: (a: T, b: T) => boolean): T[] {
  return [...items].sort((a, b) => (less(a, b) ? -1 : less(b, a) ? 1 : 0));
}
