/** One signal of several, for as long as some work takes. */

/**
 * `work` has a signal that is aborted with the first of `signals`, for its reason. When it is done none of them keeps anything of it: what
 * `AbortSignal.any` makes is kept by each as long as that one lives, and some live as long as the daemon.
 */
export async function underAny<T>(signals: readonly AbortSignal[], work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const one = new AbortController();
  const leaves = signals.map((signal) => {
    const abort = (): void => one.abort(signal.reason);
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
    return () => signal.removeEventListener('abort', abort);
  });
  try {
    return await work(one.signal);
  } finally {
    for (const leave of leaves) leave();
  }
}
