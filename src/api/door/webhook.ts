/** Whether a delivery comes from whoever knows the repository's secret: the ways in which forges say so. Nothing of what it tells is believed but that. */
import { createHash, createHmac } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { sameSecret } from '#base/same-secret';

export interface Delivery {
  headers: IncomingHttpHeaders;
  body: Buffer;
}

export type Judgement =
  | { verified: false }
  | {
      verified: true;
      /** What the same delivery has again. */
      id: string;
      /** It only asks whether somebody is there. */
      ping: boolean;
    };

/** A header that holds the body's HMAC-SHA256 under the secret, and what stands before it. */
interface Signed {
  header: string;
  prefix: '' | 'sha256=';
}

/** GitHub, Forgejo and Gitea; Bitbucket; and whoever calls with a script of their own. */
const signedHeaders: readonly Signed[] = [
  { header: 'x-hub-signature-256', prefix: 'sha256=' },
  { header: 'x-forgejo-signature', prefix: '' },
  { header: 'x-gitea-signature', prefix: '' },
  { header: 'x-gogs-signature', prefix: '' },
  { header: 'x-hub-signature', prefix: 'sha256=' },
  { header: 'x-shoal-signature', prefix: 'sha256=' },
];
/** GitLab sends the secret itself. */
const tokenHeader = 'x-gitlab-token';
const pings = new Set(['ping', 'diagnostics:ping']);

/** `secret` undefined: there is no such repository, or it has none; that takes as long as a wrong one. */
export function judge({ headers, body }: Delivery, secret: string | undefined): Judgement {
  const key = secret ?? 'none';
  const expected = createHmac('sha256', key).update(body).digest('hex');
  // Of several the first decides: a second one must not make up for it.
  const signed = signedHeaders.find(({ header }) => headers[header] !== undefined);
  const given = text(headers, signed?.header ?? tokenHeader);
  const right = signed ? sameSecret(given, `${signed.prefix}${expected}`) : given !== '' && sameSecret(given, key);
  if (!right || secret === undefined) return { verified: false };
  const event = text(headers, 'x-github-event') || text(headers, 'x-event-key');
  return {
    verified: true,
    id: createHash('sha256')
      .update(headers[tokenHeader] === undefined ? '' : text(headers, 'x-gitlab-event-uuid'))
      .update(body)
      .digest('hex'),
    ping: pings.has(event),
  };
}

function text(headers: IncomingHttpHeaders, name: string): string {
  const value = headers[name];
  return typeof value === 'string' ? value : '';
}
