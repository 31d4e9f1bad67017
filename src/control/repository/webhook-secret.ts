/** What a repository's webhook proves itself with. */
import { Refusal } from '#base/refusal';
import type { RepositorySpec } from '#model/object/repository';

/** Whoever knows it can only ask for a look, but a short one would be guessed. */
const shortest = 16;
const longest = 1024;

export function checkWebhookSecret({ WebhookSecret: secret }: Pick<RepositorySpec, 'WebhookSecret'>): void {
  if (secret === undefined) return;
  if (secret.length < shortest || secret.length > longest)
    throw new Refusal('invalidArgument', `the webhook secret must have between ${shortest} and ${longest} characters`);
  if (/[\u0000-\u001f\u007f]/.test(secret)) throw new Refusal('invalidArgument', 'the webhook secret must be one line of text');
}
