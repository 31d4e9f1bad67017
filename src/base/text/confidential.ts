/** Addresses to which secrets may be sent: by https, or in plain text where the words do not leave the machine. */

/** The host of an address (an IPv6 one in brackets or without) is this machine itself, and nobody can make it another. */
export function isThisMachine(host: string): boolean {
  return /^(?:localhost|\[::1\]|::1|127(?:\.\d{1,3}){3})$/i.test(host);
}

/** Nobody else can read what is sent there, or answer in its place. */
export function isConfidential(url: string): boolean {
  if (/^https:\/\/./i.test(url)) return true;
  // What stands before an @ is no host.
  const host = /^http:\/\/(\[[^\]]*\]|[^:/@]*)(?::\d+(?:[/?#]|$)|\/.)/i.exec(url)?.[1];
  return host !== undefined && isThisMachine(host);
}
