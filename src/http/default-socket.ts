/** Where a daemon answers, and where its users look for it, unless they are told otherwise. */
export const defaultSocket = '/run/shoal/shoal.sock';
