/** What is posted to a forge, a chat or a webhook. */
import { createHmac } from 'node:crypto';
import { shortCommit } from '#base/text/text';
import type { NotifyTarget, OutboxMessage } from '#model/git/notify';
import { briefly, changeLines, changesJson } from './changes.ts';

export interface TellRequest {
  url: string;
  headers: Readonly<Record<string, string>>;
  body: string;
}

/** Longest description that forges take. */
const longestDescription = 140;
const gitlabStates = { pending: 'running', success: 'success', failure: 'failed' } as const;
const marks = { pending: '…', success: '✔', failure: '✘' } as const;

export function tellRequest(repository: string, target: NotifyTarget, message: OutboxMessage): TellRequest {
  const { Commit, State, Text, Changes } = message;
  const root = target.URL.replace(/\/+$/, '');
  const description = briefly(Text, Changes).slice(0, longestDescription);
  const name = `shoal/${repository}`;
  if (target.Kind === 'gitlab') {
    const path = `/projects/${encodeURIComponent(target.Project ?? '')}/statuses/${Commit}`;
    return json(`${root}${path}`, { state: gitlabStates[State], name, description }, forgeHeaders(target));
  }
  if (target.Kind === 'github' || target.Kind === 'gitea') {
    const body = { state: State, context: name, description };
    return json(`${root}/repos/${target.Project ?? ''}/statuses/${Commit}`, body, forgeHeaders(target));
  }
  if (target.Kind === 'slack') {
    const text = [`${marks[State]} ${repository} at ${shortCommit(Commit)}: ${State}: ${Text}`, ...(Changes ? changeLines(Changes) : [])].join('\n');
    return json(target.URL, { text: escaped(text) });
  }
  const event = { id: message.ID, repository, commit: Commit, state: State, message: Text, time: message.At, ...(Changes && changesJson(Changes)) };
  const { body } = json('', event);
  const signature = target.Secret === undefined ? {} : { 'X-Shoal-Signature': `sha256=${createHmac('sha256', target.Secret).update(body).digest('hex')}` };
  return json(target.URL, event, signature);
}

/** What a chat takes for a mention or a link is text of somebody's commit. */
function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('@', '@\u200b');
}

/** With the token, which goes to the forge alone. */
export function forgeHeaders({ Kind, Secret = '' }: Pick<NotifyTarget, 'Kind' | 'Secret'>): Readonly<Record<string, string>> {
  const own = { 'Content-Type': 'application/json', 'User-Agent': 'shoal', Accept: 'application/json' };
  if (Kind === 'gitlab') return { ...own, 'PRIVATE-TOKEN': Secret };
  return { ...own, Authorization: `${Kind === 'github' ? 'Bearer' : 'token'} ${Secret}` };
}

function json(url: string, body: object, headers: Readonly<Record<string, string>> = {}): TellRequest {
  return { url, headers: { 'Content-Type': 'application/json', 'User-Agent': 'shoal', ...headers }, body: JSON.stringify(body) };
}
