/** An action as JSON text, made once: its size is asked for before its bytes are. */
import type { Action } from './action.ts';

const texts = new WeakMap<Action, string>();

export function actionText(action: Action): string {
  let text = texts.get(action);
  if (text === undefined) texts.set(action, (text = JSON.stringify(action)));
  return text;
}
