/**
 * A text with the secrets of the URLs in it left out, to be shown: passwords among parameters, and all between `//` and
 * the last `@`.
 */
export function maskUrl(text: string): string {
  return maskParameters(text).replace(/:\/\/\S*@/g, '://…@')
}

/** A text without the passwords that stand among the parameters of URLs. */
export function maskParameters(text: string): string {
  return text.replace(/([?&]\w*(?:password|secret|token)=)[^&#\s'"]*/gi, '$1…')
}
