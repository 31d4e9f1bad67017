/** What goes wrong with a template, in the words of Go's text/template. */

/** A template that cannot be read or carried out. The text starts with `template: `. */
export class TemplateError extends Error {
  override readonly name = 'TemplateError';
}
