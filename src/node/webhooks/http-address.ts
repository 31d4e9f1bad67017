/** Where the door for webhooks listens: in plain text on this machine only. */
import { resolve } from 'node:path';
import { Refusal } from '#base/refusal';
import { isThisMachine } from '#base/text/confidential';

export interface HttpAddress {
  host: string;
  port: number;
  /** Files in PEM. */
  cert?: string;
  key?: string;
}

/** Reads `--http-addr` and its files. Throws a Refusal for what is not understood, and for plain text that others could read. */
export function httpAddress({
  address,
  cert,
  key,
}: {
  address: string | undefined;
  cert: string | undefined;
  key: string | undefined;
}): HttpAddress | undefined {
  if ((cert === undefined) !== (key === undefined)) throw new Refusal('invalidArgument', '--http-cert and --http-key go together');
  if (address === undefined || address === '') {
    if (cert !== undefined) throw new Refusal('invalidArgument', '--http-cert and --http-key are for --http-addr, which says where to listen');
    return undefined;
  }
  const [, bracketed, plain = '', digits = ''] = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]*)):(\d{1,5})$/.exec(address) ?? [];
  const port = Number(digits);
  if (digits === '' || port > 65_535) throw new Refusal('invalidArgument', `--http-addr is HOST:PORT, not "${address}"`);
  const host = bracketed ?? (plain === '' ? '0.0.0.0' : plain);
  if (cert === undefined || key === undefined) {
    if (!isThisMachine(host))
      throw new Refusal(
        'invalidArgument',
        `--http-addr ${address} can be reached from outside: give it a certificate with --http-cert and --http-key, or listen on 127.0.0.1`,
      );
    return { host, port };
  }
  return { host, port, cert: resolve(cert), key: resolve(key) };
}
