/** Asked for what this node holds, however old: it is answered without a majority too. */
export function isStale(query: URLSearchParams): boolean {
  return ['1', 'true'].includes(query.get('stale') ?? '');
}
