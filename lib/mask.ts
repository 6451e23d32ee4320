/**
 * A text with the secrets of the URLs in it left out, to be shown: passwords among parameters, and all between `//` and
 * the last `@`.
 */
export function maskUrl(text: string): string {
  return text
    .replace(/([?&]\w*(?:password|secret|token)=)[^&#\s'"]*/gi, '$1…')
    .replace(/:\/\/\S*@/g, '://…@')
}
